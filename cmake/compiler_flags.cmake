# Warnings, hardening and sanitizers for every target, carried by one interface library.
add_library(tunneld_flags INTERFACE)

target_compile_options(tunneld_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wold-style-cast)
# From gcc 13 on, and in files that are compiled together, it follows inlined code into the libraries' headers, and reports
# what it sees there as ours.
if(NOT TUNNELD_UNITY AND NOT (CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 13))
  target_compile_options(tunneld_flags INTERFACE -Wnull-dereference)
endif()
# Files that are compiled together include one another, and what is local to one then looks like a header's.
if(TUNNELD_UNITY AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(tunneld_flags INTERFACE -Wno-subobject-linkage)
endif()
# A compiler that is newer than this code may warn of anything: that must not keep anybody from building it.
if(TUNNELD_WERROR)
  target_compile_options(tunneld_flags INTERFACE -Werror)
endif()

if(TUNNELD_SANITIZE)
  # Here and not below: options that targets share come after a target's own, which could then not lower -O1 again.
  # Line numbers are all that the sanitizers' reports need of the debugging information.
  set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1")
  target_compile_options(tunneld_flags INTERFACE
    -fsanitize=${TUNNELD_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer
    # gcc's flow analysis reports null dereferences on the paths that the sanitizers add.
    -Wno-null-dereference -Wno-maybe-uninitialized)
  if(TUNNELD_SANITIZE MATCHES thread)
    # Asio's fences are beyond TSan; what they order is only ever used by one thread here.
    target_compile_options(tunneld_flags INTERFACE -Wno-tsan)
  endif()
  target_link_options(tunneld_flags INTERFACE -fsanitize=${TUNNELD_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  string(REPLACE "-O3" "-O2" CMAKE_CXX_FLAGS_RELEASE "${CMAKE_CXX_FLAGS_RELEASE}")
  # Other processors' compilers refuse each of these words.
  set(control_flow_protection)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64|AMD64|i.86")
    set(control_flow_protection -fcf-protection=full)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
    set(control_flow_protection -mbranch-protection=standard)
  endif()
  # glibc's checks need optimisation, which the tests' own code goes without.
  target_compile_options(tunneld_flags INTERFACE
    -U_FORTIFY_SOURCE $<$<NOT:$<BOOL:$<TARGET_PROPERTY:TUNNELD_UNOPTIMISED>>>:-D_FORTIFY_SOURCE=2>
    -fstack-protector-strong -fstack-clash-protection ${control_flow_protection})
  set(CMAKE_EXE_LINKER_FLAGS "${CMAKE_EXE_LINKER_FLAGS} -pie -Wl,-z,relro,-z,now,-z,noexecstack")
endif()
