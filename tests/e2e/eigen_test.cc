// Eigen objects as arguments and destinations, and results as Eigen maps.
#include <bitale/bitale.h>
#include <bitale/eigen.h>

#include "runtime/base/error.h"
#include "tests/support/catch.h"

using namespace bitale;
using bitale::tests::contains;
using Rows = RowMajorMatrix<float>;

namespace {

template <class M>
bool in_place(const M& m) {
  return is_dense(view_of(m));
}
static_assert(!Viewable<decltype(Rows() + Rows())>);
static_assert(!Viewable<decltype(Rows().cwiseAbs())>);
static_assert(!Viewable<Eigen::MatrixXcf>);

Function doubled() {
  const Tensor x = input("x", float32, {Dim("n"), Dim("m")});
  return function({x}, {x * 2.0});
}

}  // namespace

TEST_CASE("row-major matrices are read in place, column-major ones by elements") {
  const Function f = doubled();
  Rows rows = Rows::Random(3, 4);
  const Eigen::MatrixXf columns = rows;
  CHECK(in_place(rows));
  CHECK_FALSE(in_place(columns));
  CHECK(in_place(columns.transpose()));
  CHECK(in_place(rows.middleRows(1, 2)));
  CHECK_FALSE(in_place(rows.middleCols(1, 2)));
  const std::vector<Array> r = f(rows), c = f(columns);
  CHECK(as_matrix<float>(r[0]) == 2 * rows);
  CHECK(as_matrix<float>(c[0]) == 2 * rows);
  const std::vector<Array> part = f(rows.block(1, 1, 2, 2)), turned = f(columns.transpose());
  CHECK(as_matrix<float>(part[0]) == 2 * rows.block(1, 1, 2, 2));
  CHECK(as_matrix<float>(turned[0]) == 2 * rows.transpose());
  const Eigen::Map<const Rows> map(rows.data(), 2, 6);
  const Eigen::Map<const Rows, 0, Eigen::OuterStride<>> gaps(rows.data(), 3, 2, Eigen::OuterStride<>(4));
  const std::vector<Array> mapped = f(map), gapped = f(gaps);
  CHECK(as_matrix<float>(mapped[0]) == 2 * map);
  CHECK(as_matrix<float>(gapped[0]) == 2 * gaps);
  const Eigen::Ref<const Rows> ref(rows);
  const std::vector<Array> referred = f(ref), computed = f((rows + rows).eval());
  CHECK(as_matrix<float>(referred[0]) == 2 * rows);
  CHECK(as_matrix<float>(computed[0]) == 4 * rows);
  const Eigen::ArrayXXf array = columns.array();
  const std::vector<Array> from_array = f(array);
  CHECK(as_matrix<float>(from_array[0]) == 2 * rows);
}

TEST_CASE("vectors have rank 1, fixed sizes and rows and columns of matrices too") {
  const Tensor x = input("x", float64, {Dim("n")});
  const Function f = function({x}, {x + 1.0});
  const Eigen::VectorXd v = Eigen::VectorXd::LinSpaced(4, 0, 3);
  const Eigen::Vector3d fixed(1, 2, 3);
  Eigen::MatrixXd m(2, 3);
  m << 1, 2, 3, 4, 5, 6;
  const std::vector<Array> a = f(v), b = f(fixed), c = f(m.row(1)), d = f(m.col(2));
  CHECK(as_vector<double>(a[0]) == v + Eigen::VectorXd::Ones(4));
  CHECK(as_vector<double>(b[0]) == Eigen::Vector3d(2, 3, 4));
  CHECK(as_vector<double>(c[0]) == Eigen::Vector3d(5, 6, 7));
  CHECK(as_vector<double>(d[0]) == Eigen::Vector2d(4, 7));
  CHECK_THROWS_WITH(f(m), contains("expected rank 1, given float64[2, 3]"));
}

TEST_CASE("the transpose in the program spares a column-major matrix its copy") {
  const Dim n("n");
  const Tensor xt = input("xt", float32, {4, n}), x = transpose(xt);
  const Function f = function({xt}, {sum(x, {1})});
  const Eigen::MatrixXf m = Eigen::MatrixXf::Random(5, 4);
  CHECK(in_place(m.transpose()));
  const std::vector<Array> r = f(m.transpose());
  CHECK(as_vector<float>(r[0]).isApprox(m.rowwise().sum()));
}

TEST_CASE("results are written into Eigen objects") {
  const Function f = doubled();
  const Rows x = Rows::Random(3, 4);
  Rows y(3, 4);
  f.call_into({x}, {y});
  CHECK(y == 2 * x);
  f.call_into({y}, {y});
  CHECK(y == 4 * x);
  Rows big = Rows::Zero(6, 4);
  f.call_into({x}, {big.middleRows(2, 3)});
  CHECK(big.middleRows(2, 3) == 2 * x);
  CHECK(big.row(1).isZero());
  CHECK(big.row(5).isZero());
  std::vector<float> memory(12);
  f.call_into({x}, {Eigen::Map<Rows>(memory.data(), 3, 4)});
  CHECK(memory[5] == 2 * x(1, 1));
  Eigen::MatrixXf columns(4, 3);
  f.call_into({x}, {columns.transpose()});
  CHECK(columns == 2 * x.transpose());
  Eigen::MatrixXf wrong(3, 4);
  CHECK_THROWS_WITH(f.call_into({x}, {wrong}),
                    contains("not dense in row-major order: float32[3, 4] with strides [1, 3]"));
  const Rows fixed(3, 4);
  CHECK_THROWS_WITH(f.call_into({x}, {fixed}), contains("output 0 'output0' is read-only"));
  CHECK_THROWS_WITH(f.call_into({x}, {Eigen::Map<const Rows>(memory.data(), 3, 4)}), contains("is read-only"));
}

TEST_CASE("Arrays as Eigen maps") {
  Array a = Array::zeros(float32, {2, 3});
  as_matrix<float>(a)(1, 0) = 4;
  CHECK(a.at(3) == 4);
  CHECK(as_vector<float>(std::as_const(a = a.reshaped({6}))).sum() == 4);
  CHECK_THROWS_WITH(as_matrix<float>(a), contains("as_matrix of an array of shape [6]: its rank must be 2"));
  CHECK_THROWS_WITH(as_vector<double>(a), contains("viewed as float64"));
  Shared w("w", copy_of(view_of(Eigen::Matrix2f::Identity().eval())));
  const Array value = w.get();
  CHECK(as_matrix<float>(value) == Eigen::Matrix2f::Identity());
}

TEST_CASE("the examples of docs/embedding.md") {
  std::vector<float> pixels(600, 1);
  {
    Tensor x = input("x", float32, {Dim("n"), 3});
    Function f = function({x}, {sum(x, {1})});
    CHECK(f(StridedView<const float>(pixels.data(), {200, 3}))[0].at(199) == 3);
    CHECK(f(StridedView<const float>(pixels.data(), {100, 3}, {6, 1}))[0].size() == 100);
  }
  Tensor xt = input("xt", float32, {3, Dim("n")}), x = transpose(xt);
  Function f = function({xt}, {sum(x, {1})});
  Eigen::MatrixXf m = Eigen::MatrixXf::Random(200, 3);
  std::vector<Array> results = f(m.transpose());
  float largest = as_vector<float>(results[0]).maxCoeff();
  CHECK(largest == Approx(m.rowwise().sum().maxCoeff()));
  std::vector<float> y(200);
  f.call_into({m.transpose()}, {y});
  CHECK(y[17] == results[0].at(17));

  Tensor s = input("s", float32, {Dim("rows"), 64}), in = input("in", float32, {s.dim(0), 64});
  Function advance = function({s, in}, {s + in});
  const std::vector<Array> inputs(4, advance(Array::zeros(float32, {1000, 64}), Array::zeros(float32, {1000, 64}))[0]);
  Array state = Array::zeros(float32, {1000, 64});
  const void* memory = state.data();
  for (const Array& i : inputs) state = advance(donate(state), i)[0];
  CHECK(state.data() == memory);
}
