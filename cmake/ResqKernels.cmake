# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Builds runtime/kernels twice: a native library resq_kernels for tests and benchmarks, and one
# bitcode file a level, ${RESQ_BITCODE_FOLDER}/<level>.linked.bc, which the compiler embeds. A build with that folder of
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
set(RESQ_FLAGS_generic -march=x86-64)
set(RESQ_FLAGS_avx2 -march=x86-64-v3)
set(RESQ_FLAGS_avx512 -march=x86-64-v4 -mavx512vnni -mprefer-vector-width=512)
set(RESQ_FLAGS_avx512vbmi ${RESQ_FLAGS_avx512} -mavx512vbmi)
file(GLOB RESQ_SOURCES_generic CONFIGURE_DEPENDS ${kernel_dir}/generic/*_generic.c)
# What a level has no file of its own for is the portable source, vectorised for that level.
function(resq_level_sources level suffix)
  file(GLOB own CONFIGURE_DEPENDS ${kernel_dir}/x86_64/*_${suffix}.c)
  set(sources)
  foreach(source ${RESQ_SOURCES_generic})
    string(REGEX REPLACE "/generic/([a-z0-9_]+)_generic.c$" "/x86_64/\\1_${suffix}.c" special ${source})
    if(special IN_LIST own)
      list(APPEND sources ${special})
    else()
      list(APPEND sources ${source})
    endif()
  endforeach()
  set(RESQ_SOURCES_${level} ${sources} PARENT_SCOPE)
endfunction()
resq_level_sources(avx2 avx2)
resq_level_sources(avx512 avx512)
resq_level_sources(avx512vbmi avx512) # the same files; __AVX512VBMI__ tells them apart
set(RESQ_CPU_LEVELS generic avx2 avx512 avx512vbmi)
file(GLOB kernel_headers CONFIGURE_DEPENDS ${kernel_dir}/*.h ${kernel_dir}/*.def ${kernel_dir}/layout/*.h ${kernel_dir}/templates/*.h
     ${kernel_dir}/templates/*.inc ${kernel_dir}/generic/*.h ${kernel_dir}/x86_64/*.h ${kernel_dir}/x86_64/*.inc
     ${CMAKE_SOURCE_DIR}/runtime/include/resq/abi.h)
set(kernel_includes -I${CMAKE_BINARY_DIR}/layers/resq_kernel_headers -I${CMAKE_SOURCE_DIR}/runtime/include)

add_library(resq_kernels STATIC)
target_link_libraries(resq_kernels PUBLIC resq_base resq_kernel_headers)
set(RESQ_BITCODE)
foreach(level ${RESQ_CPU_LEVELS})
  set(objects)
  set(native ${RESQ_SOURCES_${level}})
  if(level STREQUAL avx512vbmi) # the only one that is not as in avx512
    list(FILTER native INCLUDE REGEX "/qlinear_avx512.c$")
  endif()
  add_library(resq_kernels_${level} OBJECT ${native})
  target_link_libraries(resq_kernels_${level} PRIVATE resq_kernel_headers)
  target_compile_options(resq_kernels_${level} PRIVATE ${kernel_flags} ${native_flags} ${RESQ_FLAGS_${level}}
                         -DRESQ_LEVEL=${level})
  target_sources(resq_kernels PRIVATE $<TARGET_OBJECTS:resq_kernels_${level}>)
  if(RESQ_BITCODE_FOLDER)
    continue()
  endif()
  foreach(source ${RESQ_SOURCES_${level}})
    get_filename_component(name ${source} NAME_WE)
    set(bc ${CMAKE_BINARY_DIR}/kernels/${level}/${name}.bc)
    # Vectorised after specialisation, when shapes are constants: no loop passes here.
    add_custom_command(OUTPUT ${bc}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/kernels/${level}
      COMMAND ${RESQ_CLANG} --target=x86_64-pc-linux-gnu -std=gnu17 ${kernel_flags} ${RESQ_FLAGS_${level}}
              -Xclang -disable-llvm-passes -DRESQ_LEVEL=${level} -Wall -Wextra -Werror
              ${kernel_includes} -emit-llvm -c ${source} -o ${bc}
      DEPENDS ${source} ${kernel_headers} VERBATIM)
    list(APPEND objects ${bc})
  endforeach()
  if(objects)
    set(linked ${CMAKE_BINARY_DIR}/kernels/${level}.linked.bc)
    add_custom_command(OUTPUT ${linked} COMMAND ${RESQ_LLVM_LINK} ${objects} -o ${linked}
                       DEPENDS ${objects} VERBATIM)
    list(APPEND RESQ_BITCODE ${linked})
  endif()
endforeach()

# Device kernels, runtime/kernels/nvptx/<op>_cuda.c: bitcode only, kernels/cuda_<chip>.linked.bc, one a chip that
# lowering/codegen/targets.c names, so that a kernel may use what a chip alone has (RESQ_SM: 80, 90).
file(GLOB RESQ_SOURCES_cuda CONFIGURE_DEPENDS ${kernel_dir}/nvptx/*_cuda.c)
file(GLOB cuda_headers CONFIGURE_DEPENDS ${kernel_dir}/nvptx/*.h)
set(RESQ_CUDA_CHIPS sm_80 sm_90a)
foreach(chip ${RESQ_CUDA_CHIPS})
  if(RESQ_BITCODE_FOLDER)
    break()
  endif()
  string(REGEX REPLACE "[^0-9]" "" number ${chip})
  set(objects)
  foreach(source ${RESQ_SOURCES_cuda})
    get_filename_component(name ${source} NAME_WE)
    set(bc ${CMAKE_BINARY_DIR}/kernels/${name}_${chip}.bc)
    # AVX-512 float kernels may use FMA and so may these. The PTX version, that of lowering/codegen/targets.c, is given: clang
    # takes it from an installed CUDA toolkit, and without one from a time before these chips.
    add_custom_command(OUTPUT ${bc}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/kernels
      COMMAND ${RESQ_CLANG} --target=nvptx64-nvidia-cuda -march=${chip} -Xclang -target-feature -Xclang +ptx80 -nogpulib -std=gnu17 -O3 -ffreestanding
              -Wmissing-prototypes -fno-math-errno -ffp-contract=fast -fno-strict-aliasing -fconvergent-functions -Xclang -disable-llvm-passes
              -DRESQ_SM=${number} -Wall -Wextra -Werror ${kernel_includes} -emit-llvm -c ${source} -o ${bc}
      DEPENDS ${source} ${cuda_headers} ${kernel_headers} VERBATIM)
    list(APPEND objects ${bc})
  endforeach()
  set(linked ${CMAKE_BINARY_DIR}/kernels/cuda_${chip}.linked.bc)
  add_custom_command(OUTPUT ${linked} COMMAND ${RESQ_LLVM_LINK} ${objects} -o ${linked}
                     DEPENDS ${objects} VERBATIM)
  list(APPEND RESQ_BITCODE ${linked})
endforeach()
add_custom_target(resq_bitcode ALL DEPENDS ${RESQ_BITCODE})
