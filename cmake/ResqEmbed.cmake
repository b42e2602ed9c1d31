# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Bytes of a file as a C symbol, without an intermediate C array.
#
#   resq_embed(<target> <symbol> <file> [DEPENDS <target>...])
#
# compiles into <target> what C declares as
#
#   extern const unsigned char symbol[];       // 64-byte aligned, followed by a NUL
#   extern const unsigned char symbol_end[];   // one past the last byte (the NUL)
#
# <file> may be the output of a custom command, also one of another folder; name the custom
# target that makes it after DEPENDS then. The symbols are hidden: no library exports them.
include_guard(GLOBAL)
enable_language(ASM)

function(resq_embed target symbol file)
  cmake_parse_arguments(EMBED "" "" "DEPENDS" ${ARGN})
  get_filename_component(path ${file} ABSOLUTE BASE_DIR ${CMAKE_CURRENT_SOURCE_DIR})
  set(assembly ${CMAKE_CURRENT_BINARY_DIR}/embed/${symbol}.S)
  file(CONFIGURE OUTPUT ${assembly} @ONLY CONTENT [=[
  .section .rodata
  .globl @symbol@
  .hidden @symbol@
  .type @symbol@, %object
  .balign 64
@symbol@:
  .incbin "@path@"
  .globl @symbol@_end
  .hidden @symbol@_end
@symbol@_end:
  .byte 0
  .size @symbol@, @symbol@_end - @symbol@
  .section .note.GNU-stack,"",%progbits
]=])
  set_source_files_properties(${assembly} TARGET_DIRECTORY ${target} PROPERTIES
                              OBJECT_DEPENDS ${path})
  target_sources(${target} PRIVATE ${assembly})
  if(EMBED_DEPENDS)
    add_dependencies(${target} ${EMBED_DEPENDS})
  endif()
endfunction()

# resq_embed_definitions(<target>): dialect/definitions/*.mlir, in the order of their names, as one text:
# the symbol resq_definition_text, read by passes/definitions.c. A second call changes nothing.
function(resq_embed_definitions target)
  get_property(done TARGET ${target} PROPERTY RESQ_DEFINITIONS)
  if(done)
    return()
  endif()
  set_property(TARGET ${target} PROPERTY RESQ_DEFINITIONS ON)
  file(GLOB definitions CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/dialect/definitions/*.mlir)
  list(SORT definitions)
  set(text ${CMAKE_CURRENT_BINARY_DIR}/embed/definitions.mlir)
  add_custom_command(OUTPUT ${text}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_CURRENT_BINARY_DIR}/embed
    COMMAND ${CMAKE_COMMAND} -E cat ${definitions} > ${text}
    DEPENDS ${definitions} VERBATIM)
  add_custom_target(${target}_definitions DEPENDS ${text})
  resq_embed(${target} resq_definition_text ${text} DEPENDS ${target}_definitions)
endfunction()
