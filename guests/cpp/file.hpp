// file.hpp: whole files.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

// Reads a whole file; nullopt when that cannot be done. This is by C's stdio, since a libc++ for WebAssembly may lack <fstream>.
inline std::optional<std::vector<uint8_t>> read_file(const std::string &path) {
  constexpr auto close = [](std::FILE *f) { std::fclose(f); };
  std::unique_ptr<std::FILE, decltype(close)> file(std::fopen(path.c_str(), "rb"));
  if (!file)
    return std::nullopt;
  std::vector<uint8_t> content;
  uint8_t block[16384];
  while (size_t got = std::fread(block, 1, sizeof block, file.get()))
    content.insert(content.end(), block, block + got);
  if (std::ferror(file.get()))
    return std::nullopt;
  return content;
}
