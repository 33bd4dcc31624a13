# Standard headers that most files include are compiled once for each target instead of once for each file. What a
# file uses it still includes itself: -DTUNNELD_PRECOMPILE=OFF builds without, and finds what is missing.
option(TUNNELD_PRECOMPILE "Precompile headers of the standard library and of Asio and GoogleTest" ON)
if(NOT TUNNELD_PRECOMPILE)
  return()
endif()

target_precompile_headers(tunneld_flags INTERFACE <algorithm> <array> <chrono> <filesystem> <functional> <map>
  <memory> <optional> <set> <span> <string> <string_view> <system_error> <variant> <vector>)
# With it, ccache(1) can tell whether a precompiled header is still the same (its manual, "Precompiled headers").
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(tunneld_flags INTERFACE -fpch-preprocess)
endif()
