// Bitale inside a program that has its own memory: Eigen matrices in and out, an argument that is given up, results in
// buffers of the caller, and a tensor for another library. Nothing here copies a matrix.
#include <cmath>
#include <cstdio>
#include <vector>

#include <bitale/bitale.h>
#include <bitale/dlpack.h>
#include <bitale/eigen.h>
using namespace bitale;

namespace {

// A cloud of points that is turned and moved, step by step: positions take the memory of the old ones.
bool advance_points() {
  Tensor p = input("p", float32, {Dim("points"), 2}), velocity = input("velocity", float32, {p.dim(0), 2});
  Function advance = function({p, velocity}, {p + 0.1 * velocity});
  RowMajorMatrix<float> v(1000, 2);
  v.col(0).setConstant(1);
  v.col(1).setConstant(-2);
  Array positions = Array::zeros(float32, {1000, 2});
  const void* memory = positions.data();
  for (int step = 0; step < 10; ++step) positions = advance(donate(positions), v)[0];
  auto end = as_matrix<float>(positions);
  std::printf("points at (%.2f, %.2f), %s\n", end(7, 0), end(7, 1),
              positions.data() == memory ? "in the memory that they began in" : "moved");
  return positions.data() == memory && std::fabs(end(7, 0) - 1) < 1e-5f && std::fabs(end(999, 1) + 2) < 1e-5f;
}

// Eigen's own matrices are column-major: the program takes, and gives, their transposes.
bool project() {
  Tensor xt = input("xt", float64, {3, Dim("n")}), axis = input("axis", float64, {3});
  Tensor x = transpose(xt), length = dot(x, axis), projected = expand_dims(length, 1) * expand_dims(axis, 0);
  Function f = function({xt, axis}, {transpose(projected), length});
  Eigen::MatrixXd m = Eigen::MatrixXd::Random(50, 3), result(50, 3);
  Eigen::Vector3d unit(0.6, 0, 0.8);
  std::vector<double> lengths(50);
  f.call_into({m.transpose(), unit}, {result.transpose(), lengths});
  const double error = (result - m * unit * unit.transpose()).norm();
  std::printf("projection differs from Eigen's by %.1e\n", error);
  return error < 1e-12 && std::fabs(lengths[4] - m.row(4).dot(unit)) < 1e-12;
}

// Every second row and column of an image, and a tensor for whoever speaks DLPack.
bool exchange() {
  Tensor x = input("x", float32, {Dim("rows"), Dim("columns")});
  Function total = function({x}, {sum(x)});
  std::vector<float> image(64 * 64, 0.5f);
  StridedView<const float> quarter(image.data(), {32, 32}, {2 * 64, 2});
  const double sum_of_quarter = total(quarter)[0].at(0);
  dlpack::ManagedTensorVersioned* tensor = to_dlpack_versioned(copy_of(quarter));
  Array back = from_dlpack(tensor);  // owns it now
  return sum_of_quarter == 512 && total(back)[0].at(0) == 512;
}

}  // namespace

int main() { return advance_points() && project() && exchange() ? 0 : 1; }
