# SPDX-License-Identifier: MIT
# cmake --install: the program finds its plugin in ../lib/tracectl (core/host_probe.cpp).
include(GNUInstallDirs)
install(TARGETS tracectl RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS tracectl-qemu-plugin LIBRARY DESTINATION lib/tracectl)
install(FILES docs/tracectl.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES cli/completions/tracectl.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME tracectl)
install(FILES cli/completions/_tracectl DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES cli/completions/tracectl.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
install(FILES config/plan.schema.json DESTINATION ${CMAKE_INSTALL_DATADIR}/tracectl)
install(DIRECTORY examples/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples FILES_MATCHING PATTERN "*.toml")
