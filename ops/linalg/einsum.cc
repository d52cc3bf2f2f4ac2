// einsum: subscripts are read, every operand is brought to distinct labels, and operands are contracted in pairs.
#include <algorithm>
#include <map>
#include <optional>

#include "compiler/prim/samples.h"
#include "ops/linalg/matrices.h"
#include "ops/linalg/products.h"

namespace bitale::ops {

using namespace ir;

namespace {

// A label is a letter, or for the axes of an ellipsis '0', '1'... counted from the last one.
using Labels = std::string;
using Axes = std::vector<std::int64_t>;

bool has(const Labels& labels, char c) { return labels.find(c) != Labels::npos; }

struct Term {
  Tensor value;
  Labels labels;  // one per axis
};

class Einsum {
 public:
  Einsum(const std::string& subscripts, const std::vector<Tensor>& operands, SourceLine line)
      : text_(subscripts), operands_(operands), line_(line) {}

  Tensor run() {
    for (const Tensor& t : operands_) require_operand("einsum", t, line_);
    read();
    prepare_dtypes();
    for (Term& t : terms_) drop_ones(t);
    for (Term& t : terms_) take_diagonals(t);
    while (terms_.size() > 1) contract_cheapest();
    sum_lone(terms_[0], output_);
    return in_order(terms_[0]);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    TypeArgs(einsum_op, nullptr, operands_, line_).fail("\"" + text_ + "\": " + what);
  }

  // ---- subscripts ----

  void read() {
    std::string text;
    for (const char c : text_)
      if (c != ' ') text += c;
    const std::size_t arrow = text.find("->");
    const std::string left = text.substr(0, arrow);
    std::vector<std::string> parts{""};
    for (const char c : left) {
      if (c == ',')
        parts.emplace_back();
      else
        parts.back() += c;
    }
    if (parts.size() != operands_.size())
      fail("it has " + std::to_string(parts.size()) + " terms, and there are " + std::to_string(operands_.size()) +
           " operands");
    for (std::size_t i = 0; i < parts.size(); ++i) terms_.push_back({operands_[i], operand_labels(parts[i], i)});
    note_extents();
    output_ = arrow == std::string::npos ? implied_output() : output_labels(text.substr(arrow + 2));
  }

  // Letters, with the place of "..." in them if there is one.
  std::pair<Labels, std::optional<std::size_t>> letters_of(const std::string& part) const {
    Labels letters;
    std::optional<std::size_t> dots;
    for (std::size_t i = 0; i < part.size(); ++i) {
      const char c = part[i];
      if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
        letters += c;
      } else if (part.compare(i, 3, "...") == 0 && !dots) {
        dots = letters.size();
        i += 2;
      } else {
        fail(std::string("'") + c +
             "' has no meaning here; subscripts are letters, at most one \"...\" per term, commas "
             "and \"->\"");
      }
    }
    return {letters, dots};
  }

  // The labels of an ellipsis over `count` axes.
  static Labels ellipsis(std::size_t count) {
    Labels out;
    for (std::size_t k = count; k-- > 0;) out += static_cast<char>('0' + k);
    return out;
  }

  Labels operand_labels(const std::string& part, std::size_t i) {
    auto [letters, dots] = letters_of(part);
    const auto rank = static_cast<std::size_t>(operands_[i].rank());
    if (letters.size() > rank || (!dots && letters.size() < rank))
      fail("term " + std::to_string(i) + ", \"" + part + "\", names " + std::to_string(letters.size()) + " of the " +
           std::to_string(rank) + " axes of its operand");
    if (!dots) return letters;
    const std::size_t hidden = rank - letters.size();
    if (hidden > 10) fail("an ellipsis stands for more than 10 axes");
    hidden_ = std::max(hidden_, hidden);
    return letters.insert(*dots, ellipsis(hidden));
  }

  // Without "->": the ellipsis, then the letters that occur once, in alphabetical order.
  Labels implied_output() const {
    Labels all;
    for (const Term& t : terms_) all += t.labels;
    Labels once;
    for (const char c : all)
      if (c > '9' && std::count(all.begin(), all.end(), c) == 1) once += c;
    std::sort(once.begin(), once.end());
    return ellipsis(hidden_) + once;
  }

  Labels output_labels(const std::string& part) const {
    const auto [letters, dots] = letters_of(part);
    for (const char c : letters) {
      if (std::count(letters.begin(), letters.end(), c) > 1) fail(std::string("the result names '") + c + "' twice");
      if (!extents_.contains(c)) fail(std::string("the result has '") + c + "', which no operand has");
    }
    Labels out = letters;
    return dots ? out.insert(*dots, ellipsis(hidden_)) : out;
  }

  // ---- extents ----

  // What each label runs over: constants that differ are an error, unless one is 1.
  void note_extents() {
    for (const Term& t : terms_)
      for (int k = 0; k < t.value.rank(); ++k) {
        const char c = t.labels[static_cast<std::size_t>(k)];
        const Dim& d = t.value.dim(k);
        const auto [it, added] = extents_.emplace(c, d);
        Dim& have = it->second;
        if (added || have == d || d.is(1)) continue;
        if (have.is_constant() && d.is_constant() && !have.is(1))
          fail((c > '9' ? std::string("'") + c + "'" : std::string("an axis of \"...\"")) + " is both " +
               to_string(have) + " and " + to_string(d));
        if (have.is(1) || d.is_constant()) have = d;
      }
  }

  double size_of(const Labels& labels) const {
    double size = 1;
    for (const char c : labels) size *= known(extents_.at(c));
    return size;
  }
  static double known(const Dim& d) { return d.is_constant() ? static_cast<double>(d.value()) : 64; }

  void prepare_dtypes() {
    const std::vector<ir::Operand> all(operands_.begin(), operands_.end());
    DType dtype = common_dtype(all);
    if (terms_.size() > 1 && !is_floating(dtype)) dtype = DType::i64;
    for (Term& t : terms_) t.value = cast(t.value, dtype, line_);
  }

  // An axis of extent 1 that meets a longer one is repeated along it: it need not be there.
  void drop_ones(Term& t) {
    Shape shape;
    Labels labels;
    for (std::size_t k = 0; k < t.labels.size(); ++k) {
      const Dim& d = t.value.dim(static_cast<int>(k));
      if (d.is(1) && !extents_.at(t.labels[k]).is(1)) continue;
      shape.push_back(d);
      labels += t.labels[k];
    }
    if (labels.size() != t.labels.size()) t = {reshape(t.value, shape, line_), labels};
  }

  // Two axes of one label become the diagonal over both.
  void take_diagonals(Term& t) {
    for (std::size_t k = 0; k < t.labels.size();) {
      const std::size_t other = t.labels.find(t.labels[k], k + 1);
      if (other == Labels::npos) {
        ++k;
        continue;
      }
      const char c = t.labels[k];
      Axes axes;
      Labels labels;
      for (std::size_t i = 0; i < t.labels.size(); ++i) {
        if (i == k || i == other) continue;
        axes.push_back(static_cast<std::int64_t>(i));
        labels += t.labels[i];
      }
      axes.insert(axes.end(), {static_cast<std::int64_t>(k), static_cast<std::int64_t>(other)});
      t = {diagonal_of(transpose(t.value, axes, line_)), labels + c};
      k = 0;
    }
  }

  // ---- contraction ----

  // Labels that the result or a term other than i and j has.
  Labels needed_beside(std::size_t i, std::size_t j) const {
    Labels out = output_;
    for (std::size_t k = 0; k < terms_.size(); ++k)
      if (k != i && k != j) out += terms_[k].labels;
    return out;
  }

  static Labels merged(const Labels& a, const Labels& b) {
    Labels out = a;
    for (const char c : b)
      if (!has(out, c)) out += c;
    return out;
  }

  // The pair that shrinks what there is the most, and of those the one with the least to compute.
  void contract_cheapest() {
    std::size_t best_i = 0, best_j = 1;
    std::pair<double, double> best;
    for (std::size_t i = 0; i < terms_.size(); ++i)
      for (std::size_t j = i + 1; j < terms_.size(); ++j) {
        const Labels all = merged(terms_[i].labels, terms_[j].labels), needed = needed_beside(i, j);
        Labels kept;
        for (const char c : all)
          if (has(needed, c)) kept += c;
        const double growth = size_of(kept) - size_of(terms_[i].labels) - size_of(terms_[j].labels);
        const std::pair cost{growth, size_of(all)};
        if (i + j > 1 && !(cost < best)) continue;
        best = cost, best_i = i, best_j = j;
      }
    const Labels needed = needed_beside(best_i, best_j);
    Term product = contract(terms_[best_i], terms_[best_j], needed);
    terms_.erase(terms_.begin() + static_cast<std::ptrdiff_t>(best_j));
    terms_[best_i] = std::move(product);
  }

  // Sums over the labels that nobody needs.
  void sum_lone(Term& t, const Labels& needed) {
    Axes axes;
    Labels labels;
    for (std::size_t k = 0; k < t.labels.size(); ++k) {
      if (has(needed, t.labels[k]))
        labels += t.labels[k];
      else
        axes.push_back(static_cast<std::int64_t>(k));
    }
    if (!axes.empty()) t = {sum(t.value, axes, line_), labels};
  }

  Term contract(Term a, Term b, const Labels& needed) {
    sum_lone(a, needed + b.labels);
    sum_lone(b, needed + a.labels);
    DotParams p;
    Labels batch, free_a, free_b, summed;
    for (std::size_t k = 0; k < a.labels.size(); ++k) {
      const char c = a.labels[k];
      const std::size_t other = b.labels.find(c);
      if (other == Labels::npos) {
        free_a += c;
        continue;
      }
      const bool kept = has(needed, c);
      (kept ? batch : summed) += c;
      (kept ? p.batch_a : p.sum_a).push_back(static_cast<std::int64_t>(k));
      (kept ? p.batch_b : p.sum_b).push_back(static_cast<std::int64_t>(other));
    }
    for (const char c : b.labels)
      if (!has(a.labels, c)) free_b += c;
    if (summed.empty()) return multiply(a, b, batch + free_a + free_b);
    return {dot_general(a.value, b.value, std::move(p), line_), batch + free_a + free_b};
  }

  // Nothing to sum over: an elementwise product, which fuses.
  Term multiply(const Term& a, const Term& b, const Labels& labels) const {
    return {mul(aligned(a, labels), aligned(b, labels), line_), labels};
  }

  // The term with the axes of `labels`, of extent 1 where it has none.
  Tensor aligned(const Term& t, const Labels& labels) const {
    Axes axes;
    Shape shape;
    for (const char c : labels) {
      const std::size_t at = t.labels.find(c);
      if (at != Labels::npos) axes.push_back(static_cast<std::int64_t>(at));
      shape.push_back(at == Labels::npos ? Dim(1) : t.value.dim(static_cast<int>(at)));
    }
    return reshape(transpose(t.value, axes, line_), shape, line_);
  }

  // Every operand may have had an axis as 1 only, in which case nobody dropped it.
  Tensor in_order(const Term& t) const { return aligned(t, output_); }

  const std::string text_;
  const std::vector<Tensor> operands_;
  const SourceLine line_;
  std::vector<Term> terms_;
  Labels output_;
  std::size_t hidden_ = 0;  // axes of the longest ellipsis
  std::map<char, Dim> extents_;
};

std::vector<Sample> samples() {
  const auto of = [](const std::string& subscripts, const std::vector<Extents>& shapes) {
    std::vector<SampleInput> inputs;
    for (const Extents& s : shapes) inputs.push_back(uniform(s, -3, 3));
    return sample(subscripts, inputs,
                  [subscripts](auto x) { return einsum(subscripts, std::vector<Tensor>(x.begin(), x.end())); });
  };
  return {
      of("ij,jk", {{3, 4}, {4, 5}}),
      of("ij,jk->ki", {{3, 4}, {4, 5}}),
      of("ii->i", {{3, 3}}),
      of("ii", {{4, 4}}),
      of("iji->j", {{3, 2, 3}}),
      of("ij->", {{3, 4}}),
      of("ba", {{3, 4}}),
      of("i,j->ij", {{3}, {4}}),
      of("ij,ij->i", {{3, 4}, {3, 4}}),
      of("ij,ij->ij", {{3, 4}, {3, 4}}),
      of("ij,kl->ik", {{3, 4}, {2, 5}}),
      of("...ij,...jk->...ik", {{2, 3, 4}, {4, 5}}),
      of("...i,...i", {{5, 1, 4}, {3, 4}}),
      of("bi,bij,bj->b", {{2, 3}, {2, 3, 4}, {2, 4}}),
      of("ab,bc,cd,de->ae", {{2, 3}, {3, 4}, {4, 2}, {2, 3}}),
      of("iij,jkk->ik", {{3, 3, 2}, {2, 4, 4}}),
  };
}

}  // namespace

const OpDef einsum_op{
    .name = "einsum",
    .doc =
        "einsum(subscripts, operands): sums of products by Einstein's notation, \"ij,jk->ik\": repeated letters in a "
        "term take the diagonal, letters that are not in the result are summed over, \"...\" stands for broadcast "
        "axes; operands are contracted in pairs, cheapest first",
    .composite = true,
    .samples = samples,
    .dtypes = {DType::f32, DType::f64, DType::i64},
};

Tensor einsum(const std::string& subscripts, const std::vector<Tensor>& operands, SourceLine line) {
  return Einsum(subscripts, operands, line).run();
}

const OpDef multi_dot_op{
    .name = "multi_dot",
    .doc =
        "multi_dot({a, b, c...}): the product of matrices, the cheapest pairs first; the first and the last may be "
        "vectors",
    .composite = true,
    .samples =
        [] {
          const auto build = [](auto x) { return multi_dot({x.begin(), x.end()}); };
          return std::vector<Sample>{
              sample("three", {uniform({2, 5}), uniform({5, 3}), uniform({3, 4})}, build),
              sample("vectors at the ends", {uniform({3}), uniform({3, 4}), uniform({4, 2}), uniform({2})}, build),
              sample("two", {uniform({3, 4}), uniform({4, 2})}, build),
          };
        },
};

Tensor multi_dot(const std::vector<Tensor>& matrices, SourceLine line) {
  const auto fail = [&](const std::string& what) { TypeArgs(multi_dot_op, nullptr, matrices, line).fail(what); };
  for (const Tensor& t : matrices) require_operand("multi_dot", t, line);
  if (matrices.size() < 2 || matrices.size() > 50) fail("expected 2 to 50 operands");
  const auto letter = [](std::size_t i) { return static_cast<char>(i < 26 ? 'a' + i : 'A' + (i - 26)); };
  std::string text;
  for (std::size_t i = 0; i < matrices.size(); ++i) {
    const bool vector = matrices[i].rank() == 1;
    if (matrices[i].rank() != 2 && !(vector && (i == 0 || i + 1 == matrices.size())))
      fail("operand " + std::to_string(i) + " is not a matrix; the first and the last may be vectors");
    text += i == 0 ? "" : ",";
    if (!(vector && i == 0)) text += letter(i);
    if (!(vector && i > 0)) text += letter(i + 1);
  }
  text += "->";
  if (matrices.front().rank() == 2) text += letter(0);
  if (matrices.back().rank() == 2) text += letter(matrices.size());
  return einsum(text, matrices, line);
}

}  // namespace bitale::ops
