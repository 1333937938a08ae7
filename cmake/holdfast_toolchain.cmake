# Compiler settings shared by every target: launcher, linker, warnings, hardening, paths.

find_program(ccache_program ccache)
if(ccache_program AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Relative paths and no working directory in the key: the build directories of one checkout share.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}
      CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=include_file_mtime,include_file_ctime ${ccache_program})
endif()

find_program(mold_program mold)
if(mold_program)
  add_link_options(-fuse-ld=mold)
endif()

# Debug keeps optimisation at -O1: vector code at -O0 makes the tests ten times as slow.
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1")
# No NDEBUG: assertions about the repository stay on in a release.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O3 -g1")

# Both spellings of a path: CMake's, and the relative one that ccache makes of it.
file(RELATIVE_PATH source_from_build ${CMAKE_BINARY_DIR} ${CMAKE_SOURCE_DIR})
add_compile_options(-ffile-prefix-map=${CMAKE_SOURCE_DIR}/= -ffile-prefix-map=${source_from_build}=)
add_compile_definitions(_FILE_OFFSET_BITS=64)
if(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  add_compile_options(-fstack-protector-strong)
  add_compile_definitions(_FORTIFY_SOURCE=2)
  add_link_options(-Wl,-z,relro,-z,now)
endif()

set(holdfast_warnings
    -Werror -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual
    -Wcast-qual -Wformat=2 -Wundef -Wvla -Wimplicit-fallthrough -Wunused -Wextra-semi)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  list(APPEND holdfast_warnings
       -Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wsuggest-override
       # g++ 12 reports these wrongly in its own std::string once inlined (GCC PR 105329, 105651).
       -Wno-restrict -Wno-error=array-bounds -Wno-error=stringop-overflow
       -Wno-error=stringop-overread -Wno-error=maybe-uninitialized -Wno-psabi)
else()
  # libstdc++ 12 uses its own deprecated std::get_temporary_buffer inside std::stable_sort.
  list(APPEND holdfast_warnings -Wthread-safety -Wno-unknown-warning-option
       -Wno-deprecated-declarations)
endif()
