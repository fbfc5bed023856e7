# SPDX-License-Identifier: MIT
# Makes a C++ file of text files: cmake -DOUT=FILE.cpp -DHEADER=FILE.hpp -DNAMESPACE=N -P embed.cmake -- NAME=FILE...
# Each becomes `const std::string_view NAME`, which HEADER must declare.
set(text "// Made by cmake/embed.cmake.\n#include \"${HEADER}\"\n\nnamespace ${NAMESPACE} {\n")
set(files FALSE)
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(i RANGE ${last})
  set(word "${CMAKE_ARGV${i}}")
  if(files)
    string(REGEX MATCH "^([A-Za-z_]+)=(.*)$" matched "${word}")
    set(name ${CMAKE_MATCH_1})
    file(READ "${CMAKE_MATCH_2}" content)
    string(APPEND text "const std::string_view ${name} = R\"__file__(${content})__file__\";\n")
  elseif(word STREQUAL "--")
    set(files TRUE)
  endif()
endforeach()
string(APPEND text "}  // namespace ${NAMESPACE}\n")
file(WRITE "${OUT}" "${text}")
