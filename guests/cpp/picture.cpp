#include "picture.hpp"

#include <numeric>
#include <optional>

#include "file.hpp"
#include "text.hpp"

namespace picture {
namespace {

// Pictures wider or higher than this are refused.
constexpr uint32_t max_side = 28 * 1024;

bool is_blank(int c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// The header of a PGM file, from its beginning on.
class Header {
public:
  explicit Header(std::span<const uint8_t> text) : rest(text) {}

  bool magic() { return next() == 'P' && next() == '5' && is_blank(next()); }

  // A decimal number: the blanks and comments before it are passed over, and so is the one blank that has to follow.
  std::optional<uint32_t> number() {
    int c = next();
    while (is_blank(c) || c == '#') {
      if (c == '#')
        while (c != '\n' && c != '\r' && c != end)
          c = next();
      else
        c = next();
    }
    if (c < '0' || c > '9')
      return std::nullopt;
    uint32_t n = 0;
    for (; c >= '0' && c <= '9'; c = next()) {
      n = 10 * n + static_cast<uint32_t>(c - '0');
      if (n > 1'000'000)
        return std::nullopt;
    }
    return is_blank(c) ? std::optional(n) : std::nullopt;
  }

  std::span<const uint8_t> pixels() const { return rest; }

private:
  static constexpr int end = -1;

  int next() {
    if (rest.empty())
      return end;
    int c = rest.front();
    rest = rest.subspan(1);
    return c;
  }

  std::span<const uint8_t> rest;
};

bool is_good(uint32_t length) { return length > 0 && length <= max_side && length % side == 0; }

} // namespace

std::expected<Values, std::string> decode(std::span<const uint8_t> file) {
  Header header(file);
  std::optional<uint32_t> width, height, maxval;
  if (!header.magic() || !(width = header.number()) || !(height = header.number()) || !(maxval = header.number()))
    return std::unexpected("not a binary PGM file");
  if (!is_good(*width) || !is_good(*height))
    return std::unexpected(text("width and height have to be multiples of ", side, " up to ", max_side, ", not ", *width, "x", *height));
  if (*maxval != 255)
    return std::unexpected(text("maxval has to be 255, not ", *maxval));
  auto pixels = header.pixels();
  size_t count = size_t{*width} * *height;
  if (pixels.size() < count)
    return std::unexpected(text(count - pixels.size(), " of ", count, " pixels are missing"));

  uint32_t box_width = *width / side, box_height = *height / side;
  std::array<uint64_t, side * side> sums{};
  for (uint32_t y = 0; y < *height; y++)
    for (uint32_t x = 0; x < side; x++) {
      auto run = pixels.subspan(size_t{y} * *width + x * box_width, box_width);
      sums[y / box_height * side + x] += std::accumulate(run.begin(), run.end(), uint64_t{0});
    }
  double white = 255.0 * box_width * box_height;
  Values values;
  for (size_t i = 0; i < values.size(); i++)
    values[i] = static_cast<float>(1 - static_cast<double>(sums[i]) / white);
  return values;
}

std::expected<Values, std::string> read(const std::string &path) {
  auto content = read_file(path);
  if (!content)
    return std::unexpected("cannot be read");
  return decode(*content);
}

} // namespace picture
