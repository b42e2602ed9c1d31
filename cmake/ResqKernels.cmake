# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Builds runtime/kernels twice, for the levels of runtime/base/levels.def: a native library resq_kernels for tests and
# benchmarks, and one bitcode file for each level, ${RESQ_BITCODE_FOLDER}/<level>.linked.bc, which the compiler embeds. A build with that folder of
# another build takes the files from there: they depend on the sources and on clang, and not on a build's own flags.
set(RESQ_BITCODE_FOLDER "" CACHE PATH "the folder 'kernels' of another build, to take the kernels' bitcode from")
if(RESQ_BITCODE_FOLDER)
  set(bitcode_folder ${RESQ_BITCODE_FOLDER})
else()
  set(bitcode_folder ${CMAKE_BINARY_DIR}/kernels)
endif()
find_program(RESQ_CLANG NAMES clang-22 HINTS /usr/lib/llvm-22/bin REQUIRED)
find_program(RESQ_LLVM_LINK NAMES llvm-link-22 llvm-link HINTS /usr/lib/llvm-22/bin REQUIRED)

set(kernel_dir ${CMAKE_SOURCE_DIR}/runtime/kernels)
# A kernel without a prototype is one that kernels.def does not list.
set(kernel_flags -Wmissing-prototypes -O3 -ffreestanding -fno-math-errno -ffp-contract=off -fno-strict-aliasing)
# The native library of a sanitizer build, which only unit tests use: instrumented and inlined, these files take the optimizer
# most of a minute each, and a tenth of that without it. No fuzz target calls them, so they need no counters either.
set(native_flags)
if(RESQ_SANITIZE)
  set(native_flags -O0)
  if(CMAKE_C_COMPILER_ID MATCHES Clang)
    list(APPEND native_flags -fno-sanitize=fuzzer-no-link)
  endif()
endif()
include(ResqLevels)

# resq_level_sources(<level> <out>): a file for each op: the level's own, else its fallback's, which is then compiled for
# this level. Those that <out>_NATIVE lists are its own or portable; the others are tested at the level they are of.
function(resq_level_sources level out)
  set(sources)
  set(native)
  if(RESQ_${level}_FALLBACK STREQUAL none)
    set(ops)
  else()
    resq_level_sources(${RESQ_${level}_FALLBACK} inherited)
    set(ops ${inherited_OPS})
  endif()
  if(RESQ_${level}_OWN)
    string(REPLACE "/" ";" own "${RESQ_${level}_OWN}")
    list(GET own 0 folder)
    list(GET own 1 suffix)
    file(GLOB files CONFIGURE_DEPENDS ${kernel_dir}/${folder}/*_${suffix}.c)
    foreach(file ${files})
      string(REGEX REPLACE "^.*/([a-z0-9_]+)_${suffix}\\.c$" "\\1" op ${file})
      if(RESQ_${level}_FALLBACK STREQUAL none)
        list(APPEND ops ${op})
      elseif(NOT op IN_LIST ops)
        message(FATAL_ERROR "${file}: level ${RESQ_${level}_FALLBACK}, the fallback of ${level}, has no kernel file of ${op}")
      endif()
      set(file_${op} ${file})
    endforeach()
  endif()
  foreach(op ${ops})
    if(file_${op})
      list(APPEND native ${file_${op}})
    else()
      set(file_${op} ${inherited_${op}})
      if(file_${op} MATCHES "_generic\\.c$")
        list(APPEND native ${file_${op}})
      endif()
    endif()
    list(APPEND sources ${file_${op}})
    set(${out}_${op} ${file_${op}} PARENT_SCOPE)
  endforeach()
  set(${out}_OPS ${ops} PARENT_SCOPE)
  set(${out}_NATIVE ${native} PARENT_SCOPE)
  set(${out} ${sources} PARENT_SCOPE)
endfunction()

set(kernel_includes -I${CMAKE_BINARY_DIR}/layers/resq_kernel_headers -I${CMAKE_SOURCE_DIR}/runtime/include)

add_library(resq_kernels STATIC)
target_link_libraries(resq_kernels PUBLIC resq_base resq_kernel_headers)
set(RESQ_BITCODE)
foreach(level ${RESQ_LEVELS})
  resq_level_sources(${level} sources)
  if(RESQ_${level}_ARCHITECTURE STREQUAL CMAKE_SYSTEM_PROCESSOR)
    add_library(resq_kernels_${level} OBJECT ${sources_NATIVE})
    target_link_libraries(resq_kernels_${level} PRIVATE resq_kernel_headers)
    target_compile_options(resq_kernels_${level} PRIVATE ${kernel_flags} ${native_flags} ${RESQ_${level}_FLAGS}
                           -DRESQ_LEVEL=${level})
    target_sources(resq_kernels PRIVATE $<TARGET_OBJECTS:resq_kernels_${level}>)
  endif()
  if(RESQ_BITCODE_FOLDER)
    continue()
  endif()
  set(objects)
  foreach(source ${sources})
    get_filename_component(name ${source} NAME_WE)
    set(bc ${CMAKE_BINARY_DIR}/kernels/${level}/${name}.bc)
    # Vectorised after specialisation, when shapes are constants: no loop passes here.
    add_custom_command(OUTPUT ${bc}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/kernels/${level}
      COMMAND ${RESQ_CLANG} --target=${RESQ_${level}_TRIPLE} -std=gnu17 ${kernel_flags} ${RESQ_${level}_FLAGS}
              -Xclang -disable-llvm-passes -DRESQ_LEVEL=${level} -Wall -Wextra -Werror
              ${kernel_includes} -emit-llvm -c ${source} -o ${bc} -MD -MF ${bc}.d
      DEPENDS ${source} DEPFILE ${bc}.d VERBATIM)
    list(APPEND objects ${bc})
  endforeach()
  set(linked ${CMAKE_BINARY_DIR}/kernels/${level}.linked.bc)
  add_custom_command(OUTPUT ${linked} COMMAND ${RESQ_LLVM_LINK} ${objects} -o ${linked}
                     DEPENDS ${objects} VERBATIM)
  list(APPEND RESQ_BITCODE ${linked})
endforeach()

# Device kernels, runtime/kernels/nvptx/<op>_cuda.c: bitcode only, kernels/<chip>.linked.bc, one for each chip, so that a
# kernel may use what a chip alone has (RESQ_SM: 80, 90).
file(GLOB device_sources CONFIGURE_DEPENDS ${kernel_dir}/nvptx/*_cuda.c)
foreach(chip ${RESQ_GPU_CHIPS})
  if(RESQ_BITCODE_FOLDER)
    break()
  endif()
  set(features)
  foreach(feature ${RESQ_${chip}_FEATURES})
    list(APPEND features -Xclang -target-feature -Xclang ${feature})
  endforeach()
  set(objects)
  foreach(source ${device_sources})
    get_filename_component(name ${source} NAME_WE)
    set(bc ${CMAKE_BINARY_DIR}/kernels/${chip}/${name}.bc)
    # The PTX version is given as a feature: clang takes it from an installed CUDA toolkit, and without one from a time
    # before these chips.
    add_custom_command(OUTPUT ${bc}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/kernels/${chip}
      COMMAND ${RESQ_CLANG} --target=${RESQ_${chip}_TRIPLE} -march=${chip} ${features} -nogpulib -std=gnu17 ${kernel_flags}
              -fconvergent-functions -Xclang -disable-llvm-passes -DRESQ_LEVEL=cuda -DRESQ_GPU_KERNELS
              -DRESQ_SM=${RESQ_${chip}_CAPABILITY} -Wall -Wextra -Werror ${kernel_includes} -emit-llvm -c ${source}
              -o ${bc} -MD -MF ${bc}.d
      DEPENDS ${source} DEPFILE ${bc}.d VERBATIM)
    list(APPEND objects ${bc})
  endforeach()
  set(linked ${CMAKE_BINARY_DIR}/kernels/${chip}.linked.bc)
  add_custom_command(OUTPUT ${linked} COMMAND ${RESQ_LLVM_LINK} ${objects} -o ${linked}
                     DEPENDS ${objects} VERBATIM)
  list(APPEND RESQ_BITCODE ${linked})
endforeach()
add_custom_target(resq_bitcode ALL DEPENDS ${RESQ_BITCODE})
