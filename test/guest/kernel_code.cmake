# SPDX-License-Identifier: MIT
# Kernel code, decoded from captures that perf makes in a guest with a trace unit.
find_package(Python3 COMPONENTS Interpreter REQUIRED)
add_executable(copy_kernel ${CMAKE_CURRENT_LIST_DIR}/copy_kernel.cpp)
target_link_libraries(copy_kernel PRIVATE tc_core)
set_target_properties(copy_kernel PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/guest)
add_test(NAME guest.kernel_code COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/kernel_code.py
                                        --build ${CMAKE_BINARY_DIR} --root ${CMAKE_SOURCE_DIR})
set_tests_properties(guest.kernel_code PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 1800 LABELS guest)
