# Where everything belongs (`cmake --install build/release`, DESTDIR honoured).
install(TARGETS tunneld RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
# systemd looks in /usr/lib, whatever the prefix's library directory is called.
set(unit ${CMAKE_CURRENT_BINARY_DIR}/tunneld@.service)
file(READ ${PROJECT_SOURCE_DIR}/systemd/tunneld@.service unit_text)
string(REPLACE "/usr/sbin/tunneld" "${CMAKE_INSTALL_FULL_SBINDIR}/tunneld" unit_text "${unit_text}")
file(WRITE ${unit} "${unit_text}")
install(FILES ${unit} DESTINATION lib/systemd/system)
file(GLOB examples ${PROJECT_SOURCE_DIR}/config/*.yaml)
install(FILES ${examples} DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
file(GLOB documents ${PROJECT_SOURCE_DIR}/docs/*.md)
install(FILES ${documents} README.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
