// neural_component.cpp: neural.hpp by way of wasi:nn, for components.
#include <array>
#include <cstdlib>
#include <cstring>
#include <type_traits>

#include "neural.hpp"

extern "C" {
#include "../c/wasi_nn.h"

// cabi_realloc is called by the host, to place strings and lists of results in this component's memory.
[[clang::export_name("cabi_realloc")]] void *cabi_realloc(void *old, size_t, size_t align, size_t size) {
  if (size == 0)
    return reinterpret_cast<void *>(align);
  void *p = std::realloc(old, size); // aligned to 16 bytes, more than any value of the canonical ABI asks
  if (p == nullptr)
    std::abort();
  return p;
}
}

namespace neural {
namespace {

constexpr int32_t onnx = 1, cpu = 0;

// take moves a list or string that the host placed in this memory into a container, and frees it.
template <typename Container, typename Slice>
Container take(Slice s) {
  using Element = std::remove_pointer_t<decltype(s.ptr)>;
  Container c(s.ptr, s.ptr + s.len);
  if (s.len > 0)
    std::free(const_cast<std::remove_const_t<Element> *>(s.ptr));
  return c;
}

Error take_error(wasi_nn_error_t number) {
  static constexpr std::array codes = {"invalid-argument", "invalid-encoding", "timeout", "runtime-error", "unsupported-operation",
                                       "too-large", "not-found", "security", "unknown"};
  Handle<wasi_nn_error_drop> error(number);
  wasi_nn_bytes_t data;
  wasi_nn_error_data(error.get(), &data);
  return {codes[wasi_nn_error_code(error.get())], take<std::string>(data)};
}

Output take_output(const wasi_nn_named_tensor_t &named) {
  Handle<wasi_nn_tensor_drop> tensor(named.tensor);
  wasi_nn_dims_t dims;
  wasi_nn_bytes_t data;
  wasi_nn_tensor_dimensions(tensor.get(), &dims);
  wasi_nn_tensor_data(tensor.get(), &data);
  return {
    .name = take<std::string>(named.name),
    .type = static_cast<ElementType>(wasi_nn_tensor_ty(tensor.get())),
    .dims = take<std::vector<uint32_t>>(dims),
    .data = take<std::vector<uint8_t>>(data),
  };
}

wasi_nn_bytes_t borrow(std::string_view s) {
  return {reinterpret_cast<uint8_t *>(const_cast<char *>(s.data())), static_cast<uint32_t>(s.size())};
}

} // namespace

void drop_graph(int32_t number) { wasi_nn_graph_drop(number); }

void drop_context(int32_t number) { wasi_nn_context_drop(number); }

Result<Graph> Graph::load_by_name(std::string_view name) {
  wasi_nn_handle_result_t r;
  wasi_nn_graph_load_by_name(name.data(), name.size(), &r);
  if (r.is_err)
    return std::unexpected(take_error(r.err));
  return Graph(r.ok);
}

Result<Graph> Graph::load_onnx(std::span<const uint8_t> model) {
  wasi_nn_bytes_t part = {const_cast<uint8_t *>(model.data()), static_cast<uint32_t>(model.size())};
  wasi_nn_handle_result_t r;
  wasi_nn_graph_load(&part, 1, onnx, cpu, &r);
  if (r.is_err)
    return std::unexpected(take_error(r.err));
  return Graph(r.ok);
}

Result<Context> Graph::init_execution_context() const {
  wasi_nn_handle_result_t r;
  wasi_nn_graph_init_execution_context(handle.get(), &r);
  if (r.is_err)
    return std::unexpected(take_error(r.err));
  return Context(r.ok);
}

Result<std::vector<Output>> Context::compute(std::string_view name, std::span<const uint32_t> dims, std::span<const float> values) {
  Handle<wasi_nn_tensor_drop> tensor(wasi_nn_tensor_new(dims.data(), dims.size(), WASI_NN_FP32, values.data(), values.size_bytes()));
  wasi_nn_named_tensor_t input = {borrow(name), tensor.release()};
  wasi_nn_compute_result_t r;
  wasi_nn_context_compute(handle.get(), &input, 1, &r);
  if (r.is_err)
    return std::unexpected(take_error(r.err));
  std::vector<Output> outputs;
  for (const auto &named : take<std::vector<wasi_nn_named_tensor_t>>(r.ok))
    outputs.push_back(take_output(named));
  return outputs;
}

} // namespace neural
