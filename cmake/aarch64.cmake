# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# CMake's toolchain file for the run time on 64-bit Arm, what compiled models of level aarch64 are linked with:
#   tools/dev/aarch64_sysroot.sh SYSROOT
#   cmake -G Ninja -B BUILD -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64.cmake -DRESQ_SYSROOT=SYSROOT -DRESQ_COMPILER=OFF \
#         -DRESQ_TESTS=OFF
#   ninja -C BUILD resq_runtime resq_command_line
# and, with RESQ_LIBRARY_PATH=BUILD/lib and RESQ_CC_aarch64=SYSROOT/cc, resqc --levels=aarch64 links.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES RESQ_SYSROOT)
set(CMAKE_SYSROOT ${RESQ_SYSROOT})
set(CMAKE_C_COMPILER clang-22)
set(CMAKE_CXX_COMPILER clang++-22)
set(CMAKE_ASM_COMPILER clang-22)
foreach(language C CXX ASM)
  set(CMAKE_${language}_COMPILER_TARGET aarch64-linux-gnu)
endforeach()
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_C_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY) # there is no C++ library
set(CMAKE_FIND_ROOT_PATH ${RESQ_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(ENV{PKG_CONFIG_LIBDIR} ${RESQ_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${RESQ_SYSROOT}/usr/share/pkgconfig)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${RESQ_SYSROOT})
