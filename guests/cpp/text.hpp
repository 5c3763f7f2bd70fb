// text.hpp: lines of text. std::format would do as well, for 300 kB more in the binary.
#pragma once

#include <concepts>
#include <cstdio>
#include <string>

// text joins strings and integers.
template <typename... Parts>
std::string text(const Parts &...parts) {
  std::string all;
  constexpr auto append = [](std::string &all, const auto &part) {
    if constexpr (std::integral<std::remove_cvref_t<decltype(part)>>)
      all += std::to_string(part);
    else
      all += part;
  };
  (append(all, parts), ...);
  return all;
}

// print_line prints them and ends the line.
template <typename... Parts>
void print_line(const Parts &...parts) {
  std::string line = text(parts..., "\n");
  std::fwrite(line.data(), 1, line.size(), stdout);
}
