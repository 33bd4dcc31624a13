# Where everything belongs (`cmake --install build/release`; DESTDIR and --prefix honoured).
install(TARGETS tunneld RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
# The prefix is only known when installing, and the unit has to name the binary by its whole path.
install(CODE "
  foreach(name tunneld@ tunneld-names tunneld-wait@ tunneld-kill-switch@)
    file(READ \"${PROJECT_SOURCE_DIR}/systemd/\${name}.service\" unit)
    string(REPLACE /usr/sbin/tunneld \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_SBINDIR}/tunneld\" unit \"\${unit}\")
    file(WRITE \"${CMAKE_CURRENT_BINARY_DIR}/\${name}.service\" \"\${unit}\")
  endforeach()
")
# systemd looks in lib, whatever the prefix's library directory is called.
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/tunneld@.service ${CMAKE_CURRENT_BINARY_DIR}/tunneld-names.service
              ${CMAKE_CURRENT_BINARY_DIR}/tunneld-wait@.service
              ${CMAKE_CURRENT_BINARY_DIR}/tunneld-kill-switch@.service systemd/tunneld-names.socket
        DESTINATION lib/systemd/system)
# Older ones do not know its keys, and warn.
if(systemd_VERSION VERSION_GREATER_EQUAL 254)
  install(FILES systemd/tunneld@.service.d/10-restart-steps.conf DESTINATION lib/systemd/system/tunneld@.service.d)
endif()
# What tells systemd-networkd and NetworkManager to leave tunneld's devices alone, firewalld its port, bash its words
# (docs/hosts.md): by their places below the prefix.
install(DIRECTORY packaging/files/usr/ DESTINATION .)
# For editors.
install(FILES config/tunneld.schema.json DESTINATION ${CMAKE_INSTALL_DATADIR}/tunneld)
file(GLOB examples ${PROJECT_SOURCE_DIR}/config/*.yaml)
# As in the source, so that the documents' links lead somewhere.
install(FILES ${examples} DESTINATION ${CMAKE_INSTALL_DOCDIR}/config)
file(GLOB documents ${PROJECT_SOURCE_DIR}/docs/*.md ${PROJECT_SOURCE_DIR}/docs/*.svg)
install(FILES ${documents} DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs)
install(FILES README.md CHANGELOG.md SECURITY.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
