#include "compiler/driver/device.h"

#include <algorithm>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "compiler/codegen/cuda/emulate.h"
#include "compiler/codegen/cuda/finish.h"
#include "compiler/codegen/cuda/module.h"
#include "compiler/codegen/cuda/nvrtc.h"
#include "compiler/codegen/cuda/share.h"
#include "compiler/driver/dump.h"
#include "runtime/base/error.h"
#include "runtime/base/flags.h"
#include "runtime/base/log.h"
#include "runtime/base/stopwatch.h"
#include "runtime/device/pool.h"
#include "runtime/program/device_product.h"

namespace bitale::driver {
namespace {

using codegen::cuda::Contraction;
using kernel::Extent;
using namespace program;

std::size_t at(int i) { return static_cast<std::size_t>(i); }

// Which kernels are launched and which finish contractions, and the contractions' functions, each once; in bodies, too.
class Functions {
 public:
  // products: of the device's library, if it may have one.
  Functions(lower::Lowered& l, const std::optional<ProductOptions>& products, bool has_clusters)
      : l_(l), products_(products), has_clusters_(has_clusters) {
    for (kernel::Kernel& k : l.kernels)
      for (kernel::Buffer& b : k.buffers) b.aligned = true;
    note_addresses(l.program);
    visit(l.program);
    share_functions();
    for (LibraryStep* call : calls_) give_kernel(*call);               // whose entries are behind those of contractions
    for (auto& [form, loop] : whole_loops_) give_kernel(form, *loop);  // and these are the last
  }

  codegen::cuda::ModuleParts parts() const {
    codegen::cuda::ModuleParts parts;
    for (std::size_t i = 0; i < l_.kernels.size(); ++i)
      parts.kernels.push_back(launched_.contains(static_cast<int>(i)) ? &l_.kernels[i] : nullptr);
    for (const int i : epilogues_) parts.epilogues.push_back(&l_.kernels[at(i)]);
    parts.contractions = contractions_;
    parts.library = library_;
    parts.loops = loops_;
    return parts;
  }

  const std::vector<std::string>& loops() const { return what_loops_are_; }

  const std::set<std::string>& on_host() const { return on_host_; }  // library calls that have no kernel

 private:
  // What all calls of a kernel promise it.
  void note_addresses(const Program& part) {
    for (const Step& step : part.steps) {
      if (const auto* k = std::get_if<KernelStep>(&step.node))
        for (std::size_t b = 0; b < k->buffers.size(); ++b)
          if (!is_aligned(part, k->buffers[b])) l_.kernels[at(k->entry)].buffers[b].aligned = false;
      if (const auto* loop = std::get_if<LoopStep>(&step.node)) note_addresses(*loop->body);
      if (const auto* branch = std::get_if<BranchStep>(&step.node)) {
        note_addresses(*branch->then);
        note_addresses(*branch->otherwise);
      }
    }
  }

  void visit(Program& part) {
    parts_.push_back(&part);
    for (Step& step : part.steps) {
      if (auto* k = std::get_if<KernelStep>(&step.node)) launched_.insert(k->entry);
      if (auto* c = std::get_if<ContractionStep>(&step.node)) give_function(part, step, *c);
      if (auto* l = std::get_if<LibraryStep>(&step.node)) calls_.push_back(l);
      if (auto* loop = std::get_if<LoopStep>(&step.node)) {
        const auto body = visited(*loop->body);
        loop->body = body;
        look_at_loop(part, step, *loop, *body);
      }
      if (auto* branch = std::get_if<BranchStep>(&step.node)) {
        branch->then = visited(*branch->then);
        branch->otherwise = visited(*branch->otherwise);
      }
    }
  }

  std::shared_ptr<Program> visited(const Program& body) {
    auto copy = std::make_shared<Program>(body);
    visit(*copy);
    return copy;
  }

  void give_function(const Program& part, const Step& step, ContractionStep& c) {
    epilogues_.insert(c.epilogue);
    c.whole.extents.clear();
    Contraction form;
    const auto extent = [&](int slot) {
      if (slot < 0) return Extent::constant(0);
      const ExtentDef& e = part.extents[at(slot)];
      if (e.op == ExtentOp::constant) return Extent::constant(e.a);
      auto& slots = c.whole.extents;
      const auto found = std::find(slots.begin(), slots.end(), slot);
      if (found != slots.end()) return Extent::argument(static_cast<int>(found - slots.begin()));
      slots.push_back(slot);
      return Extent::argument(static_cast<int>(slots.size()) - 1);
    };
    const auto dims = [&](const std::vector<ContractionDim>& group) {
      std::vector<Contraction::Dim> out;
      for (const ContractionDim& d : group) {
        out.push_back({extent(d.extent), extent(d.a), extent(d.b), {}});
        for (const int o : d.operands) out.back().operands.push_back(extent(o));
      }
      return out;
    };
    form.dtype = c.dtype;
    form.a_storage = c.a_storage;
    form.b_storage = c.b_storage;
    form.batch = dims(c.batch);
    form.m = dims(c.m);
    form.n = dims(c.n);
    form.k = dims(c.k);
    form.a_offset = extent(c.a_offset);
    form.b_offset = extent(c.b_offset);
    form.a_aligned = is_aligned(part, c.a);
    form.b_aligned = is_aligned(part, c.b);
    const kernel::Kernel& epilogue = l_.kernels[at(c.epilogue)];  // of its buffers, an operand has two behind the first
    for (std::size_t o = 0; o < c.operands.size(); ++o)
      form.operands.push_back(
          {extent(c.operands[o].offset), epilogue.buffers[1 + 2 * o].storage, c.operands[o].written});
    form.epilogue = epilogue.name;
    form.extents = static_cast<int>(c.whole.extents.size());
    if (c.sliced) form.slices = static_cast<int>(form.n[0].extent.value);
    form.comments.push_back(about(step));
    c.whole.entry = static_cast<int>(wanted_.size());  // share_functions() gives it one of the program's
    wanted_.push_back(form);
    give_product(part, c, std::move(form));
  }

  // Contractions whose texts differ in numbers only are one function, which is given them behind the extents.
  void share_functions() {
    std::vector<std::vector<std::size_t>> alike;
    std::map<std::string, std::size_t> known;  // by key
    for (std::size_t i = 0; i < wanted_.size(); ++i) {
      const auto [found, fresh] = known.try_emplace(codegen::cuda::key_of(wanted_[i]), alike.size());
      if (fresh) alike.emplace_back();
      alike[found->second].push_back(i);
    }
    struct Given {
      int entry = -1;
      std::vector<std::int64_t> arguments;
    };
    std::vector<Given> given(wanted_.size());
    for (const std::vector<std::size_t>& some : alike) {
      std::vector<const Contraction*> contractions;
      for (const std::size_t i : some) contractions.push_back(&wanted_[i]);
      codegen::cuda::Shared shared = codegen::cuda::share(contractions);
      shared.function.comments = comments_of(contractions);
      const int e = entry(std::move(shared.function));
      for (std::size_t i = 0; i < some.size(); ++i) given[some[i]] = {e, std::move(shared.arguments[i])};
    }
    for (Program* part : parts_)
      for (Step& step : part->steps) {
        auto* c = std::get_if<ContractionStep>(&step.node);
        if (!c) continue;
        const Given& g = given[at(c->whole.entry)];
        c->whole.entry = g.entry;
        for (const std::int64_t number : g.arguments) c->whole.extents.push_back(slot_of(*part, number));
      }
  }

  static std::vector<std::string> comments_of(const std::vector<const Contraction*>& contractions) {
    std::vector<std::string> comments;
    for (const Contraction* c : contractions)
      for (const std::string& comment : c->comments)
        if (std::find(comments.begin(), comments.end(), comment) == comments.end()) comments.push_back(comment);
    return comments;
  }

  // Of a constant among the program's extents.
  static int slot_of(Program& part, std::int64_t number) {
    const auto found = std::find_if(part.extents.begin(), part.extents.end(),
                                    [&](const ExtentDef& e) { return e.op == ExtentOp::constant && e.a == number; });
    const auto slot = static_cast<int>(found - part.extents.begin());
    if (found == part.extents.end()) part.extents.push_back({ExtentOp::constant, number, 0});
    return slot;
  }

  // Where a library may multiply, and what then follows.
  void give_product(const Program& part, ContractionStep& c, Contraction form) {
    const bool possible = products_ && may_be_device_product(part, c);
    c.candidate = possible ? ContractionCandidate::cublaslt : ContractionCandidate::generated;
    if (!possible) return;
    c.whole.tf32 = products_->tf32 && c.a_storage == DType::f32;
    const auto epilogue = codegen::cuda::plain_epilogue(l_.kernels[at(c.epilogue)]);
    const bool straight = epilogue && may_go_straight(part, c, *epilogue);
    if (straight) {
      c.whole.rounds = epilogue->stored != c.dtype;
      c.whole.bias = epilogue->bias;
      c.whole.relu = epilogue->relu;
    }
    if (straight && !epilogue->bias && !epilogue->relu) return;
    form.finish = true;
    c.whole.finish = entry(std::move(form));
  }

  // Whether the library does the same: its relu makes 0 of NaN, its bias is of the dtype that is stored and begins at a
  // multiple of 16 bytes, but for an offset that is the same throughout a call.
  bool may_go_straight(const Program& part, const ContractionStep& c,
                       const codegen::cuda::PlainEpilogue& epilogue) const {
    if (!may_store_product(c, epilogue.stored) || (epilogue.relu && !products_->relaxed)) return false;
    if (!epilogue.bias) return true;
    const ContractionOperand& bias = c.operands.front();
    const bool fixed =
        bias.offset < 0 || &part == &l_.program || part.extents[at(bias.offset)].op == ExtentOp::constant;
    return fixed && is_aligned(part, bias.buffer) && part.buffers[at(bias.buffer)].storage == epilogue.stored;
  }

  // Whether a buffer begins at a multiple of 16 bytes: what a body is given may be a row of another buffer.
  bool is_aligned(const Program& part, int buffer) const {
    if (&part == &l_.program) return true;
    const Buffer& b = part.buffers[at(buffer)];
    std::size_t known = size_of(b.storage) % 16;  // a factor of its bytes
    for (const int d : b.dims)
      if (const ExtentDef& e = part.extents[at(d)]; e.op == ExtentOp::constant)
        known = known * static_cast<std::size_t>(e.a % 16) % 16;
    return known == 0;
  }

  // Equal texts are one function.
  int entry(Contraction form) {
    const std::vector<std::string> comments = std::exchange(form.comments, {});
    const std::string structure = form.finish ? codegen::cuda::print_finish(form) : codegen::cuda::print(form);
    const auto [found, fresh] = entries_.try_emplace(structure, static_cast<int>(l_.program.entries.size()));
    if (!fresh) return found->second;
    form.name = fmt::format("{}_{}", form.finish ? "finish" : "contraction", named_[form.finish]++);
    form.comments = comments;
    l_.program.entries.push_back({form.name, structure});
    contractions_.push_back(std::move(form));
    return found->second;
  }

  static std::string about(const Step& step) {
    std::string text = step.label;
    for (const SourceLine& line : step.origins) text += "  " + to_string(line);
    return text;
  }

  void give_kernel(LibraryStep& call) {
    const auto kernel = [&](const std::string& name) {
      return codegen::cuda::library_kernel(call.function, call.integers, name, flags().ordered);
    };
    const auto unnamed = kernel("");
    if (call.function == "conv_cudnn") return;  // the device's library has it
    if (!unnamed) return void(on_host_.insert(call.function));
    const auto [found, fresh] = entries_.try_emplace(unnamed->text, static_cast<int>(l_.program.entries.size()));
    if (fresh) {
      const std::string name = fmt::format("{}_{}", call.function, library_.size());
      l_.program.entries.push_back({name, unnamed->text});
      library_.push_back(*kernel(name));
    }
    call.entry = found->second;
  }

  // Whether a loop may be one kernel; the steps of its body are then put in the order of groups.
  void look_at_loop(const Program& part, const Step& step, LoopStep& loop, Program& body) {
    codegen::cuda::LoopForm form;
    std::string why_not = codegen::cuda::why_no_kernel(loop);
    if (why_not.empty()) {
      for (const Step& s : body.steps) form.parts.push_back(part_of(s));
      codegen::cuda::LoopPlan plan = codegen::cuda::plan_loop(loop, form.parts, has_clusters_);
      why_not = plan.why_not;
      if (why_not.empty()) {
        in_order(body.steps, plan.order);
        in_order(form.parts, plan.order);
        form.groups = std::move(plan.groups);
        form.by_rows = plan.by_rows;
        form.clusters = plan.clusters;
        form.threads = plan.threads;
      }
    }
    const char* const kernel = form.clusters ? ": one kernel, of clusters" : ": one kernel";
    what_loops_are_.push_back(about(step) + (why_not.empty() ? kernel : ": launches (" + why_not + ")"));
    if (!why_not.empty()) return;
    form.outer = &part;
    form.step = &loop;
    form.comments.push_back(about(step));
    whole_loops_.emplace_back(std::move(form), &loop);
  }

  // As part of a loop's kernel: with numbers of its own, and equal ones have the same name.
  Contraction in_loop(Contraction form) {
    form.in_loop = true;
    const std::vector<std::string> comments = std::exchange(form.comments, {});
    const std::string text = codegen::cuda::print(form);
    form.comments = comments;
    form.name = fmt::format("contraction_{}", in_loops_.try_emplace(text, in_loops_.size()).first->second);
    return form;
  }

  codegen::cuda::LoopPart part_of(const Step& step) {
    codegen::cuda::LoopPart part;
    if (const auto* k = std::get_if<KernelStep>(&step.node)) {
      part.kernel = &l_.kernels[at(k->entry)];
      part.buffers = k->buffers;
      part.extents = k->extents;
    } else if (const auto* c = std::get_if<ContractionStep>(&step.node)) {
      part.contraction = in_loop(wanted_[at(c->whole.entry)]);
      part.buffers = {c->a, c->b};
      for (const ContractionOperand& o : c->operands) part.buffers.push_back(o.buffer);
      part.extents = c->whole.extents;
    } else {
      const auto& copy = std::get<CopyStep>(step.node);
      part.buffers = {copy.to, copy.from};
    }
    return part;
  }

  template <class T>
  static void in_order(std::vector<T>& list, const std::vector<int>& order) {
    std::vector<T> sorted;
    for (const int i : order) sorted.push_back(std::move(list[at(i)]));
    list = std::move(sorted);
  }

  void give_kernel(codegen::cuda::LoopForm& form, LoopStep& loop) {
    codegen::cuda::LoopText unnamed = codegen::cuda::print_loop(form);
    const auto [found, fresh] = entries_.try_emplace(unnamed.text, static_cast<int>(l_.program.entries.size()));
    loop.kernel = std::move(unnamed.kernel);
    loop.kernel.entry = found->second;
    if (!fresh) return;
    form.name = fmt::format("loop_{}", loops_.size());
    l_.program.entries.push_back({form.name, std::move(unnamed.text)});
    loops_.push_back(std::move(form));
  }

  lower::Lowered& l_;
  const std::optional<ProductOptions> products_;
  const bool has_clusters_;          // of blocks, for loops
  int named_[2] = {};                // contractions, and functions that finish
  std::vector<LibraryStep*> calls_;  // of the program and the copies of its bodies
  std::vector<codegen::cuda::LibraryKernel> library_;
  std::set<std::string> on_host_;
  std::set<int> launched_, epilogues_;
  std::vector<Program*> parts_;                     // the program and the copies of its bodies
  std::vector<Contraction> wanted_, contractions_;  // of every step, and the functions
  std::vector<std::pair<codegen::cuda::LoopForm, LoopStep*>> whole_loops_;
  std::vector<codegen::cuda::LoopForm> loops_;
  std::vector<std::string> what_loops_are_;
  std::map<std::string, int> entries_;           // by text without name
  std::map<std::string, std::size_t> in_loops_;  // numbers of contractions in loops' kernels, by text
};

// Of each kind of call once in a process.
void warn_of(const std::set<std::string>& calls, const std::string& function) {
  static std::mutex mutex;
  static std::set<std::string> known;
  const std::lock_guard lock(mutex);
  for (const std::string& call : calls)
    if (known.insert(call).second && log_enabled(1))
      log(1, fmt::format("{}: {} has no kernel for a device: it runs on the host, between copies of its operands",
                         function, call));
}

bool is_emulated(const Driver& driver) { return driver.target() == "emulated"; }

// Whether loops may have clusters of blocks: from compute capability 9.0 on, and unless they are asked to be grids.
bool may_have_clusters(const Driver* driver) {
  constexpr int first = 90;
  if (flags().loops == "grid") return false;
  return !driver || is_emulated(*driver) || std::stoi(driver->target().substr(std::string_view("sm_").size())) >= first;
}

std::vector<std::uint8_t> image_of(const codegen::cuda::Module& module, const Driver& driver) {
  if (is_emulated(driver)) return codegen::cuda::emulate(module);
  codegen::cuda::Nvrtc::Result result = codegen::cuda::Nvrtc::get().compile(module.text, driver.target());
  if (!result.compiled) throw InternalError("NVRTC does not compile the text:\n" + result.log + "\n" + module.text);
  return std::move(result.image);
}

// Each module in a thread of its own.
Blob compiled(const codegen::cuda::Modules& printed, const Driver& driver) {
  if (printed.launches.empty()) return {driver.target(), {}, {}, {}};  // copies and the like have no code
  std::vector<std::future<std::vector<std::uint8_t>>> images;
  for (const codegen::cuda::Module& module : printed.modules)
    images.push_back(std::async(std::launch::async, [&] { return image_of(module, driver); }));
  Blob blob{driver.target(), {}, {}, printed.launches};
  for (auto& image : images) {
    const std::vector<std::uint8_t> bytes = image.get();
    blob.offsets.push_back(blob.bytes.size());
    blob.bytes.insert(blob.bytes.end(), bytes.begin(), bytes.end());
  }
  return blob;
}

}  // namespace

std::string device_settings(const Driver& driver, bool tf32) {
  const std::string compiler =
      is_emulated(driver) ? codegen::cuda::host_compiler() : "nvrtc " + codegen::cuda::Nvrtc::get().version();
  return fmt::format("{} by {} ordered {} products {} tf32 {} clusters {}", driver.target(), compiler, flags().ordered,
                     driver.may_multiply(), tf32, may_have_clusters(&driver));
}

void generate_for_device(lower::Lowered& l, const Driver& driver, const ProductOptions& products,
                         CompileReport& report) {
  const Stopwatch printing;
  const Functions functions(l, driver.may_multiply() ? std::optional(products) : std::nullopt,
                            may_have_clusters(&driver));
  codegen::cuda::Modules printed = codegen::cuda::print_modules(functions.parts(), available_cpus());
  std::string text;
  for (const codegen::cuda::Module& m : printed.modules) text += m.text + "\n";
  report.phases.push_back(
      {"print CUDA text", printing.seconds(), 0,
       fmt::format("{} bytes; on the host: {}", text.size(),
                   functions.on_host().empty() ? "nothing" : fmt::format("{}", fmt::join(functions.on_host(), ", ")))});
  report.loops = functions.loops();
  warn_of(functions.on_host(), l.program.name);
  dump(l.program.name, "module.cu", text);
  const Stopwatch compiling;
  l.program.blobs.push_back(compiled(printed, driver));
  report.phases.push_back({"compile CUDA text", compiling.seconds(), 0,
                           fmt::format("{} modules, as many threads", printed.modules.size())});
}

std::string cuda_text(lower::Lowered& l, const Driver* device) {
  return codegen::cuda::print_modules(Functions(l, ProductOptions{}, may_have_clusters(device)).parts(), 1)
      .modules[0]
      .text;
}

}  // namespace bitale::driver
