// neural.hpp: a small C++ interface over both of wasi-nn's, so that a program is written once.
//
// neural_component.cpp implements it for components (wasi:nn), neural_preview1.cpp for preview 1 modules
// (wasi_ephemeral_nn). What preview 1 cannot tell (an output's name, type and dims) is nullopt, never guessed.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neural {

// Numbered as in WIT.
enum class ElementType { fp16, fp32, fp64, bf16, u8, i32, i64 };

// An error of wasi-nn: WIT's name of its code ("not-found"), and the host's detail text, "" in preview 1.
struct Error {
  std::string code;
  std::string data;
};

template <typename T>
using Result = std::expected<T, Error>;

// A handle of the host's that is dropped with its owner.
template <void drop(int32_t)>
class Handle {
public:
  explicit Handle(int32_t number) : number(number) {}
  Handle(Handle &&other) noexcept : number(std::exchange(other.number, none)) {}
  Handle &operator=(Handle &&other) noexcept {
    std::swap(number, other.number);
    return *this;
  }
  ~Handle() {
    if (number != none)
      drop(number);
  }

  int32_t get() const { return number; }
  int32_t release() { return std::exchange(number, none); } // to pass it on

private:
  static constexpr int32_t none = -1;
  int32_t number;
};

// One output of a compute.
struct Output {
  std::optional<std::string> name;
  std::optional<ElementType> type;
  std::optional<std::vector<uint32_t>> dims;
  std::vector<uint8_t> data; // little endian, row-major
};

void drop_graph(int32_t);
void drop_context(int32_t);

// An execution context of a graph.
class Context {
public:
  explicit Context(int32_t number) : handle(number) {}

  // Computes with one FP32 input. A component gets all of the model's outputs; preview 1, which cannot tell how many
  // there are, takes the input for the model's first and gets the first output.
  Result<std::vector<Output>> compute(std::string_view name, std::span<const uint32_t> dims, std::span<const float> values);

private:
  Handle<drop_context> handle;
};

// A loaded model.
class Graph {
public:
  static Result<Graph> load_by_name(std::string_view name);
  static Result<Graph> load_onnx(std::span<const uint8_t> model);
  Result<Context> init_execution_context() const;

private:
  explicit Graph(int32_t number) : handle(number) {}
  Handle<drop_graph> handle;
};

} // namespace neural
