# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# A layer is a target whose sources can include its own headers and those of the layers that it names, and nothing else:
# an include of a layer above does not compile.
#
#   resq_layer(<name> [OBJECT|STATIC|INTERFACE] FOLDERS <folder>... [BELOW <layer>...] [HIDDEN <layer>...] [SOURCES <file>...])
#
# FOLDERS are folders of the source tree, without the folders below them. Headers are included by the folder's path
# ("lowering/recipes/store.h"), from which a leading "runtime/" is left out ("exec/threads.h").
#
# HIDDEN: layers below that the layer's own files can include, and those of its users can not.
#
# How it works: the headers of a layer are links in ${CMAKE_BINARY_DIR}/layers/<name>, the only include folder that the
# layer adds. Its users take that folder over with target_link_libraries. A header that is new or gone makes CMake run again.
include_guard(GLOBAL)

function(resq_layer name)
  cmake_parse_arguments(LAYER "OBJECT;STATIC;INTERFACE" "" "FOLDERS;BELOW;HIDDEN;SOURCES" ${ARGN})
  set(links ${CMAKE_BINARY_DIR}/layers/${name})
  file(REMOVE_RECURSE ${links})
  set(sources ${LAYER_SOURCES})
  foreach(folder ${LAYER_FOLDERS})
    set(path ${CMAKE_SOURCE_DIR}/${folder})
    string(REGEX REPLACE "^runtime/" "" spelled ${folder})
    file(MAKE_DIRECTORY ${links}/${spelled})
    file(GLOB headers CONFIGURE_DEPENDS ${path}/*.h ${path}/*.def ${path}/*.inc)
    foreach(header ${headers})
      get_filename_component(file ${header} NAME)
      file(CREATE_LINK ${header} ${links}/${spelled}/${file} SYMBOLIC)
    endforeach()
    if(NOT LAYER_INTERFACE)
      file(GLOB found CONFIGURE_DEPENDS ${path}/*.c ${path}/*.cpp)
      list(APPEND sources ${found})
    endif()
  endforeach()
  if(LAYER_INTERFACE)
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE ${links})
    target_link_libraries(${name} INTERFACE ${LAYER_BELOW})
  else()
    if(LAYER_STATIC)
      add_library(${name} STATIC ${sources})
    else()
      add_library(${name} OBJECT ${sources})
    endif()
    target_include_directories(${name} PUBLIC ${links})
    target_link_libraries(${name} PUBLIC ${LAYER_BELOW} PRIVATE ${LAYER_HIDDEN})
  endif()
endfunction()
