# holdfast_module: one folder of src/ as a static library that sees only what it may see.
#
# Usage, in src/storage/local/CMakeLists.txt:
#
#   holdfast_module(storage_local           # folder path with _ for /
#     PUBLIC   base storage                 # modules that OUR PUBLIC HEADERS include
#     PRIVATE  crypto                       # modules that only our .cpp files use
#     EXTERNAL zstd                         # see holdfast_external.cmake; fmt is always there
#     HEADERS  local_backend.hpp            # public: "storage/local/local_backend.hpp"
#     SOURCES  local_backend.cpp naming.cpp # every .cpp that is not a test or fuzz target
#     TESTS    local_backend_test.cpp       # all in one executable, storage_local_tests
#     LONG_TESTS naming_stress_test.cpp     # likewise, storage_local_long_tests: see below
#     TEST_DEPENDS storage_memory storage_testing   # modules that only the tests use
#     TEST_FIXTURE s3_servers               # of tests/support, for the length of a run of ctest
#     FUZZERS  naming_fuzz.cpp)             # corpus: tests/corpus/naming_fuzz/
#
# Tests link gtest, gmock and rapidcheck. LONG_TESTS are those that do less under a sanitizer:
# `./dev test` runs all tests under the sanitizers, and these once more without, at their full
# number. The target holdfast_long_tests builds them all. TESTING_HEADERS and TESTING_SOURCES make
# the library `<name>_testing` (contract suites, fakes; may include gtest), which other modules name
# in TEST_DEPENDS. Its headers are included by their path in src/ like public ones.
#
# Rules that hold themselves:
# - A dependency must stand above this module in src/CMakeLists.txt (else: configure error).
# - Each module has its own include root, build/<preset>/include-roots/<name>, with links to its
#   public headers only, and that root travels with target_link_libraries. An include without a
#   link, or of another module's unlisted header, does not compile. Our own unlisted headers are
#   included by sibling name: #include "naming.hpp".
# - A module without SOURCES is an interface library.

# Makes the include root `root` for `headers` of the current folder; sets `out` to the linked paths.
function(_holdfast_include_root root headers out)
  file(RELATIVE_PATH path ${CMAKE_SOURCE_DIR}/src ${CMAKE_CURRENT_SOURCE_DIR})
  file(REMOVE_RECURSE ${root})
  file(MAKE_DIRECTORY ${root}/${path})
  set(linked)
  foreach(header IN LISTS headers)
    if(NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${header})
      message(FATAL_ERROR "${path}/${header} is listed but does not exist")
    endif()
    get_filename_component(folder ${root}/${path}/${header} DIRECTORY)
    file(MAKE_DIRECTORY ${folder})
    file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR}/${header} ${root}/${path}/${header} SYMBOLIC)
    list(APPEND linked ${root}/${path}/${header})
  endforeach()
  set(${out} ${linked} PARENT_SCOPE)
endfunction()

# Fails unless every module named after `name` stands above it in the list.
function(_holdfast_require_above name)
  foreach(dependency IN LISTS ARGN)
    if(NOT TARGET holdfast::${dependency})
      message(FATAL_ERROR "${name} may not depend on ${dependency}: a module uses only modules "
                          "listed above it in src/CMakeLists.txt")
    endif()
  endforeach()
endfunction()

# A library hf_<name>, alias holdfast::<name>, with `headers` in its own include root.
function(_holdfast_library name sources headers)
  set(root ${CMAKE_BINARY_DIR}/include-roots/${name})
  _holdfast_include_root(${root} "${headers}" linked)
  set(prefix_maps -ffile-prefix-map=${root}=src -ffile-prefix-map=include-roots/${name}=src)
  if(sources)
    add_library(hf_${name} STATIC ${sources})
    target_compile_options(hf_${name} PRIVATE ${holdfast_warnings} PUBLIC ${prefix_maps})
    target_sources(hf_${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${root} FILES ${linked})
  else()
    add_library(hf_${name} INTERFACE)
    target_compile_options(hf_${name} INTERFACE ${prefix_maps})
    target_sources(hf_${name} INTERFACE FILE_SET HEADERS BASE_DIRS ${root} FILES ${linked})
  endif()
  add_library(holdfast::${name} ALIAS hf_${name})
endfunction()

function(_holdfast_link name public private)
  if(public)
    list(TRANSFORM public PREPEND holdfast::)
  endif()
  get_target_property(type hf_${name} TYPE)
  if(type STREQUAL "INTERFACE_LIBRARY")
    target_link_libraries(hf_${name} INTERFACE ${public} ${private})
  else()
    target_link_libraries(hf_${name} PUBLIC ${public} PRIVATE ${private})
  endif()
endfunction()

# One fuzz target: libFuzzer under HOLDFAST_FUZZING, elsewhere a test that replays its corpus.
function(_holdfast_fuzzer name source libraries)
  get_filename_component(target ${source} NAME_WE)
  set(corpus ${CMAKE_SOURCE_DIR}/tests/corpus/${target})
  add_executable(${target} ${source})
  target_compile_options(${target} PRIVATE ${holdfast_warnings})
  target_link_libraries(${target} PRIVATE ${libraries})
  if(HOLDFAST_FUZZING)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
    add_dependencies(holdfast_fuzzers ${target})
  else()
    target_link_libraries(${target} PRIVATE holdfast_fuzz_replay)
    add_test(NAME ${name}.${target}.corpus COMMAND ${target} ${corpus})
    set_tests_properties(${name}.${target}.corpus PROPERTIES LABELS "fuzz" TIMEOUT 120)
  endif()
endfunction()

# The executable `target` of the module `name`; its tests carry the label `label` and the properties
# that follow.
function(_holdfast_tests name target label sources libraries)
  add_executable(${target} ${sources})
  target_compile_options(${target} PRIVATE ${holdfast_warnings})
  if(CMAKE_CXX_FLAGS MATCHES "fsanitize=[a-z,]*undefined")
    # In what is tested, not in the matchers of the tests: they compile in two thirds of the time.
    target_compile_options(${target} PRIVATE -fno-sanitize=undefined)
  endif()
  target_link_libraries(${target} PRIVATE ${libraries} GTest::gmock_main rapidcheck
                        rapidcheck_gtest)
  # Listed when ctest starts: building never runs a test executable.
  gtest_discover_tests(${target} TEST_PREFIX ${name}. DISCOVERY_MODE PRE_TEST
                       PROPERTIES LABELS ${label} TIMEOUT 300 ${ARGN})
endfunction()

function(holdfast_module name)
  set(lists SOURCES HEADERS PUBLIC PRIVATE EXTERNAL TESTS LONG_TESTS TEST_DEPENDS
            TESTING_HEADERS TESTING_SOURCES FUZZERS)
  cmake_parse_arguments(arg "" "TEST_FIXTURE" "${lists}" ${ARGN})
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "holdfast_module(${name}): what is '${arg_UNPARSED_ARGUMENTS}'?")
  endif()
  _holdfast_require_above(${name} ${arg_PUBLIC} ${arg_PRIVATE})

  set(private)
  foreach(dependency IN LISTS arg_PRIVATE)
    list(APPEND private holdfast::${dependency})
  endforeach()
  foreach(external IN LISTS arg_EXTERNAL ITEMS fmt)
    holdfast_external(${external} target)
    list(APPEND private ${target})
  endforeach()
  list(APPEND private Threads::Threads)

  _holdfast_library(${name} "${arg_SOURCES}" "${arg_HEADERS}")
  _holdfast_link(${name} "${arg_PUBLIC}" "${private}")
  if(NOT HOLDFAST_TESTS)
    return()
  endif()

  if(arg_TESTING_HEADERS OR arg_TESTING_SOURCES)
    _holdfast_library(${name}_testing "${arg_TESTING_SOURCES}" "${arg_TESTING_HEADERS}")
    _holdfast_link(${name}_testing ${name} "${private};GTest::gmock;rapidcheck;rapidcheck_gtest")
    list(APPEND arg_TEST_DEPENDS ${name}_testing)
  endif()
  _holdfast_require_above("tests of ${name}" ${arg_TEST_DEPENDS})
  set(libraries holdfast::${name} ${private})
  foreach(dependency IN LISTS arg_TEST_DEPENDS)
    list(APPEND libraries holdfast::${dependency})
  endforeach()
  set(properties)
  if(arg_TEST_FIXTURE)
    set(properties FIXTURES_REQUIRED ${arg_TEST_FIXTURE})
  endif()
  if(arg_TESTS)
    _holdfast_tests(${name} ${name}_tests unit "${arg_TESTS}" "${libraries}" ${properties})
  endif()
  if(arg_LONG_TESTS)
    _holdfast_tests(${name} ${name}_long_tests long "${arg_LONG_TESTS}" "${libraries}"
                    ${properties})
    add_dependencies(holdfast_long_tests ${name}_long_tests)
  endif()
  foreach(fuzzer IN LISTS arg_FUZZERS)
    _holdfast_fuzzer(${name} ${fuzzer} "${libraries}")
  endforeach()
endfunction()

# The program `name` at the top of the build directory:
#   holdfast_program(holdfast MAIN main.cpp PRIVATE app base)
# HOLDFAST_VERSION is defined as text for MAIN only: everything below gets it as an argument.
function(holdfast_program name)
  cmake_parse_arguments(arg "" "MAIN" "PRIVATE;EXTERNAL" ${ARGN})
  _holdfast_require_above(${name} ${arg_PRIVATE})
  set(private)
  foreach(dependency IN LISTS arg_PRIVATE)
    list(APPEND private holdfast::${dependency})
  endforeach()
  foreach(external IN LISTS arg_EXTERNAL ITEMS fmt)
    holdfast_external(${external} target)
    list(APPEND private ${target})
  endforeach()
  add_executable(${name} ${arg_MAIN})
  target_compile_options(${name} PRIVATE ${holdfast_warnings})
  target_compile_definitions(${name} PRIVATE HOLDFAST_VERSION="${PROJECT_VERSION}")
  target_link_libraries(${name} PRIVATE ${private} Threads::Threads)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
endfunction()

if(HOLDFAST_TESTS)
  include(GoogleTest)
  add_custom_target(holdfast_long_tests)
endif()
if(HOLDFAST_FUZZING)
  add_custom_target(holdfast_fuzzers)
endif()
