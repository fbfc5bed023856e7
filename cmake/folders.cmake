# SPDX-License-Identifier: MIT
# The folders and the arrows between them.
function(tracectl_folder name folder)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/plugin/")
  if(LIBIPT)
    list(FILTER sources EXCLUDE REGEX "intel_pt/decoder_off.cpp")
  else()
    list(FILTER sources EXCLUDE REGEX "intel_pt/decoder.cpp")
  endif()
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC fmt::fmt ${ARGN})
  if(TRACECTL_SANITIZE)
    target_compile_options(${name} PUBLIC -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
    target_link_options(${name} PUBLIC -fsanitize=address,undefined)
  endif()
endfunction()

tracectl_folder(tc_core core nlohmann_json::nlohmann_json Threads::Threads)
tracectl_folder(tc_triggers triggers tc_core)
tracectl_folder(tc_decode decode tc_core PkgConfig::LIBDW)
tracectl_folder(tc_intel_pt backends/intel_pt tc_decode tc_core ${LIBIPT} ${ZYDIS})
tracectl_folder(tc_coresight backends/coresight tc_decode tc_core ${OPENCSD_C_API} ${OPENCSD})
tracectl_folder(tc_config config tc_triggers tc_intel_pt tc_coresight tc_core nlohmann_json::nlohmann_json)
tracectl_folder(tc_machines machines tc_triggers tc_intel_pt tc_coresight tc_core)
tracectl_folder(tc_profile profile tc_decode tc_core)
tracectl_folder(tc_views views tc_profile tc_decode tc_core PkgConfig::CAPSTONE nlohmann_json::nlohmann_json)

# The page of `report --html` is written as HTML, CSS and JavaScript, and lives inside the program.
set(html ${CMAKE_SOURCE_DIR}/views/html)
set(html_assets ${CMAKE_BINARY_DIR}/generated/html_assets.cpp)
add_custom_command(
  OUTPUT ${html_assets}
  COMMAND ${CMAKE_COMMAND} -DOUT=${html_assets} -DHEADER=views/html_assets.hpp -DNAMESPACE=tracectl::views -P
          ${CMAKE_SOURCE_DIR}/cmake/embed.cmake -- kReportHtml=${html}/report.html kReportCss=${html}/report.css
          kReportJs=${html}/report.js
  DEPENDS ${CMAKE_SOURCE_DIR}/cmake/embed.cmake ${html}/report.html ${html}/report.css ${html}/report.js)
target_sources(tc_views PRIVATE ${html_assets})

add_subdirectory(machines/emulated/plugin)

file(GLOB cli_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/cli/*.cpp)
add_executable(tracectl ${cli_sources})
target_link_libraries(tracectl PRIVATE tc_config tc_machines tc_views tc_profile tc_decode tc_intel_pt tc_coresight tc_triggers tc_core)
target_compile_definitions(tracectl PRIVATE TRACECTL_VERSION="${PROJECT_VERSION}")
