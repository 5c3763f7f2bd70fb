// digits: classify pictures of handwritten digits.
//
// The program is the same for components and for preview 1 modules; neural_component.cpp and neural_preview1.cpp are what
// differs. guests/README.md has the contract that its output keeps, in this and in every other language.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <numeric>

#include "file.hpp"
#include "neural.hpp"
#include "picture.hpp"
#include "text.hpp"

namespace {

constexpr auto usage =
  "usage: digits [batch | contexts N] name MODEL PICTURE...      the model that the host has under the name MODEL\n"
  "       digits [batch | contexts N] bytes FILE PICTURE...      the ONNX model in FILE\n"
  "PICTURE is a binary PGM file. With batch, all pictures go through the model at once; with contexts, one at a time,\n"
  "in turn on N execution contexts of one graph, 1 to 1000.\n";

// Nothing, or the line about the error that ends the program.
using Status = std::expected<void, std::string>;

template <typename... Parts>
std::unexpected<std::string> failure(const Parts &...parts) {
  return std::unexpected(text("error ", parts...));
}

std::unexpected<std::string> nn_failure(std::string_view stage, neural::Error e) {
  std::ranges::replace_if(e.data, [](unsigned char c) { return c < ' ' || c == 0x7f; }, ' '); // keep it one line
  return failure(stage, " code=", e.code, " data=", e.data);
}

std::string_view name_of(neural::ElementType type) {
  static constexpr std::array<std::string_view, 7> names = {"FP16", "FP32", "FP64", "BF16", "U8", "I32", "I64"};
  return names[static_cast<size_t>(type)];
}

std::string text_of(const std::vector<uint32_t> &dims) {
  std::string all;
  for (uint32_t d : dims)
    all += text(all.empty() ? "" : "x", d);
  return all;
}

void print_output(size_t index, const neural::Output &o) {
  print_line("output ", index, " name=", o.name.value_or("-"), " ty=", o.type.transform(name_of).value_or("-"), " dims=",
             o.dims.transform(text_of).value_or("-"));
}

// The values of an output, which have to be finite and the same number for each of count pictures.
std::expected<std::vector<float>, std::string> values_of(size_t index, const neural::Output &o, size_t count) {
  if (o.type && o.type != neural::ElementType::fp32)
    return failure("output ", index, ": values have to be FP32, not ", name_of(*o.type));
  if (o.data.empty() || o.data.size() % (count * sizeof(float)) != 0)
    return failure("output ", index, ": ", o.data.size(), " bytes are not FP32 values for each of ", count, " pictures");
  std::vector<float> values(o.data.size() / sizeof(float));
  std::memcpy(values.data(), o.data.data(), o.data.size());
  auto bad = std::ranges::find_if_not(values, [](float v) { return std::isfinite(v); });
  if (bad != values.end())
    return failure("output ", index, ": value ", bad - values.begin(), " is not a finite number");
  return values;
}

// Prints the three greatest values, greatest first; of equals, the lower class comes first.
void print_top(std::span<const float> values) {
  std::vector<size_t> classes(values.size());
  std::iota(classes.begin(), classes.end(), size_t{0});
  std::ranges::stable_sort(classes, std::ranges::greater(), [&](size_t c) { return values[c]; });
  for (size_t k = 0; k < std::min<size_t>(3, classes.size()); k++)
    std::printf("top %zu class=%zu milli=%.0f\n", k + 1, classes[k], std::floor(1000 * double{values[classes[k]]} + 0.5));
}

// Runs the model once on these pictures and prints what it says.
Status classify(neural::Context &context, std::span<const std::string> paths) {
  std::vector<float> input;
  for (const auto &path : paths) {
    auto values = picture::read(path);
    if (!values)
      return failure("picture ", path, ": ", values.error());
    input.insert(input.end(), values->begin(), values->end());
  }
  uint32_t dims[] = {static_cast<uint32_t>(paths.size()), 1, picture::side, picture::side};
  auto outputs = context.compute("image", dims, input);
  if (!outputs)
    return nn_failure("compute", outputs.error());

  std::vector<std::vector<float>> values;
  for (size_t i = 0; i < outputs->size(); i++) {
    auto v = values_of(i, (*outputs)[i], paths.size());
    if (!v)
      return std::unexpected(std::move(v.error()));
    values.push_back(std::move(*v));
  }
  for (size_t p = 0; p < paths.size(); p++) {
    print_line("picture ", paths[p]);
    for (size_t i = 0; i < outputs->size(); i++) {
      size_t classes = values[i].size() / paths.size();
      print_output(i, (*outputs)[i]);
      print_top(std::span(values[i]).subspan(p * classes, classes));
    }
  }
  return {};
}

std::expected<neural::Graph, std::string> load(bool by_name, const std::string &model) {
  std::optional<std::vector<uint8_t>> content;
  if (!by_name && !(content = read_file(model)))
    return failure("model ", model, ": cannot be read");
  auto graph = by_name ? neural::Graph::load_by_name(model) : neural::Graph::load_onnx(*content);
  if (!graph)
    return nn_failure("load", graph.error());
  return std::move(*graph);
}

// How the pictures go through the model: all at once, or one by one on some contexts in turn.
struct Way {
  bool batch = false;
  size_t contexts = 1;
};

Status run(Way way, bool by_name, const std::string &model, std::span<const std::string> pictures) {
  auto graph = load(by_name, model);
  if (!graph)
    return std::unexpected(graph.error());
  std::vector<neural::Context> contexts;
  for (size_t i = 0; i < way.contexts; i++) {
    auto context = graph->init_execution_context();
    if (!context)
      return nn_failure("init", context.error());
    contexts.push_back(std::move(*context));
  }
  size_t size = way.batch ? pictures.size() : 1;
  for (size_t i = 0; !pictures.empty(); i++, pictures = pictures.subspan(size))
    if (auto status = classify(contexts[i % contexts.size()], pictures.first(size)); !status)
      return status;
  return {};
}

// Takes the words that say how off the arguments. Nothing, if they do not say it right.
std::optional<Way> take_way(std::vector<std::string> &args) {
  Way way;
  if (!args.empty() && args[0] == "batch") {
    way.batch = true;
    args.erase(args.begin());
  } else if (args.size() > 1 && args[0] == "contexts") {
    auto &count = args[1];
    auto end = count.data() + count.size();
    auto parsed = std::from_chars(count.data(), end, way.contexts);
    if (parsed.ec != std::errc() || parsed.ptr != end || way.contexts < 1 || way.contexts > 1000)
      return {};
    args.erase(args.begin(), args.begin() + 2);
  }
  return way;
}

} // namespace

int main(int argc, char *argv[]) {
  std::vector<std::string> args(argv + std::min(argc, 1), argv + argc);
  auto way = take_way(args);
  if (!way || args.size() < 3 || (args[0] != "name" && args[0] != "bytes")) {
    std::fputs(usage, stderr);
    return 1;
  }
  Status status = run(*way, args[0] == "name", args[1], std::span(args).subspan(2));
  if (!status) {
    print_line(status.error());
    return 1;
  }
  return 0;
}
