// picture.hpp: a picture file as the digit model wants it.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <span>
#include <string>

namespace picture {

constexpr uint32_t side = 28;
using Values = std::array<float, side * side>;

// Makes 28x28 values of a binary PGM file (P5, maxval 255) whose width and height are multiples of 28, row-major: each is
// 1 - mean/255 over a box of pixels, so that paper is 0 and ink is 1. The error says what is wrong with the file.
std::expected<Values, std::string> decode(std::span<const uint8_t> file);

// The same, of the file at path.
std::expected<Values, std::string> read(const std::string &path);

} // namespace picture
