// neural_preview1.cpp: neural.hpp by way of wasi_ephemeral_nn, for preview 1 modules.
#include <array>

#include "neural.hpp"

extern "C" {
#include "../c/wasi_ephemeral_nn.h"
}

namespace neural {
namespace {

constexpr int32_t cpu = 0;

Error error(int32_t number) {
  static constexpr std::array codes = {"success", "invalid-argument", "invalid-encoding", "missing-memory", "busy",
                                       "runtime-error", "unsupported-operation", "too-large", "not-found"};
  return {number >= 0 && static_cast<size_t>(number) < codes.size() ? codes[number] : "unknown", ""};
}

// Fetches an output into a buffer that grows until the host finds it large enough.
Result<std::vector<uint8_t>> get_output(int32_t context, uint32_t index) {
  constexpr uint32_t max_size = UINT32_C(1) << 30;
  std::vector<uint8_t> buffer(4096);
  for (;;) {
    uint32_t written = 0;
    int32_t number = nn_get_output(context, index, buffer.data(), buffer.size(), &written);
    if (number == NN_ERRNO_SUCCESS && written <= buffer.size()) {
      buffer.resize(written);
      return buffer;
    }
    if (number != NN_ERRNO_TOO_LARGE || buffer.size() >= max_size)
      return std::unexpected(error(number != NN_ERRNO_SUCCESS ? number : NN_ERRNO_RUNTIME_ERROR));
    bool told = written > buffer.size() && written <= max_size; // some hosts tell the size that is needed
    buffer.resize(told ? written : 2 * buffer.size());
  }
}

} // namespace

// The witx text cannot drop a handle: the host releases everything when the module ends.
void drop_graph(int32_t) {}

void drop_context(int32_t) {}

Result<Graph> Graph::load_by_name(std::string_view name) {
  int32_t graph;
  if (int32_t number = nn_load_by_name(name.data(), name.size(), &graph))
    return std::unexpected(error(number));
  return Graph(graph);
}

Result<Graph> Graph::load_onnx(std::span<const uint8_t> model) {
  nn_graph_builder_t part = {model.data(), static_cast<uint32_t>(model.size())};
  int32_t graph;
  if (int32_t number = nn_load(&part, 1, NN_ENCODING_ONNX, cpu, &graph))
    return std::unexpected(error(number));
  return Graph(graph);
}

Result<Context> Graph::init_execution_context() const {
  int32_t context;
  if (int32_t number = nn_init_execution_context(handle.get(), &context))
    return std::unexpected(error(number));
  return Context(context);
}

Result<std::vector<Output>> Context::compute(std::string_view, std::span<const uint32_t> dims, std::span<const float> values) {
  nn_tensor_t tensor = {dims.data(), static_cast<uint32_t>(dims.size()), NN_TENSOR_F32, values.data(),
                        static_cast<uint32_t>(values.size_bytes())};
  if (int32_t number = nn_set_input(handle.get(), 0, &tensor))
    return std::unexpected(error(number));
  if (int32_t number = nn_compute(handle.get()))
    return std::unexpected(error(number));
  auto data = get_output(handle.get(), 0);
  if (!data)
    return std::unexpected(std::move(data.error()));
  std::vector<Output> outputs(1);
  outputs[0].data = std::move(*data);
  return outputs;
}

} // namespace neural
