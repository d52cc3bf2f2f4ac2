#include "runtime/memory/view.h"

#include <array>
#include <cstring>
#include <memory>
#include <utility>

#include "tests/support/catch.h"
#include "tests/unit/runtime/program/make.h"

using namespace bitale;
using namespace bitale::tests;

namespace {

// What a std::mdspan of layout_stride looks like.
template <class T>
struct Grid {
  using element_type = T;
  using rank_type = std::size_t;
  T* first;
  std::array<std::int64_t, 2> extents, strides;
  static constexpr rank_type rank() { return 2; }
  T* data_handle() const { return first; }
  std::int64_t extent(rank_type axis) const { return extents[axis]; }
  std::int64_t stride(rank_type axis) const { return strides[axis]; }
};
static_assert(MdspanLike<Grid<const float>>);
static_assert(!MdspanLike<Array> && !Viewable<Array> && !Viewable<int>);

std::vector<float> ramp(int n) {
  std::vector<float> v;
  for (int i = 0; i < n; ++i) v.push_back(static_cast<float>(i));
  return v;
}

}  // namespace

TEST_CASE("views are dense if their elements follow each other and suit their dtype") {
  std::vector<float> v = ramp(24);
  const auto dense = [&](Extents shape, Extents strides) {
    return is_dense(StridedView<float>(v.data(), std::move(shape), std::move(strides)));
  };
  CHECK(dense({2, 3}, {3, 1}));
  CHECK(dense({}, {}));
  CHECK(dense({1, 3}, {77, 1}));
  CHECK(dense({3, 1}, {1, 0}));
  CHECK(dense({0, 3}, {5, 7}));
  CHECK_FALSE(dense({2, 3}, {4, 1}));
  CHECK_FALSE(dense({2, 3}, {1, 2}));
  CHECK_FALSE(dense({3}, {-1}));
  CHECK_FALSE(dense({3}, {0}));
  ArrayView view = StridedView<float>(v.data(), {3});
  view.data = reinterpret_cast<std::uint8_t*>(v.data()) + 1;
  CHECK_FALSE(is_dense(view));
}

TEST_CASE("copies of views have their elements, whatever the strides") {
  std::vector<float> v = ramp(24);
  using V = StridedView<const float>;
  CHECK(values<float>(copy_of(V(v.data(), {2, 3}))) == std::vector<float>{0, 1, 2, 3, 4, 5});
  CHECK(values<float>(copy_of(V(v.data(), {3, 2}, {1, 3}))) == std::vector<float>{0, 3, 1, 4, 2, 5});
  CHECK(values<float>(copy_of(V(v.data() + 4, {3}, {-2}))) == std::vector<float>{4, 2, 0});
  CHECK(values<float>(copy_of(V(v.data() + 7, {2, 2}, {0, 1}))) == std::vector<float>{7, 8, 7, 8});
  CHECK(values<float>(copy_of(V(v.data(), {2, 2, 2}, {12, 4, 2}))) == std::vector<float>{0, 2, 4, 6, 12, 14, 16, 18});
  CHECK(values<float>(copy_of(V(v.data() + 5, {}))) == std::vector<float>{5});
  CHECK(copy_of(V(nullptr, {0, 3})).shape() == Extents{0, 3});
  ArrayView odd = V(v.data(), {2});
  std::vector<std::uint8_t> bytes(9);
  std::memcpy(bytes.data() + 1, v.data() + 3, 8);
  odd.data = bytes.data() + 1;
  CHECK(values<float>(copy_of(odd)) == std::vector<float>{3, 4});
}

TEST_CASE("a borrowed Array is the view's memory, and keeps nothing alive") {
  std::vector<float> v = ramp(6);
  Array a = borrowed(StridedView<float>(v.data(), {2, 3}));
  CHECK(a.data() == v.data());
  a.view<float>()[1] = 9;
  CHECK(v[1] == 9);
  CHECK(a.storage()->adopted());
  CHECK_FALSE(Array(DType::f32, {1}).storage()->adopted());
  CHECK(borrowed(StridedView<float>(nullptr, {0})).size() == 0);
  CHECK_THROWS_WITH(borrowed(StridedView<float>(nullptr, {2})), contains("float32[2] of no memory"));
}

TEST_CASE("read-only memory is read through const Arrays only") {
  const std::vector<float> v = ramp(3);
  Array a = borrowed(StridedView<const float>(v.data(), {3}));
  CHECK(std::as_const(a).data() == v.data());
  CHECK(std::as_const(a).view<float>()[2] == 2);
  CHECK(a.at(2) == 2);
  CHECK_THROWS_WITH(a.data(), contains("the memory of an array float32[3] is read-only"));
  CHECK_THROWS_WITH(a.view<float>(), contains("clone() it"));
  Array own = a.clone();
  own.view<float>()[0] = 5;
  CHECK(v[0] == 0);
}

TEST_CASE("adopted storage lets its owner go with the last Array") {
  auto owner = std::make_shared<std::vector<float>>(ramp(4));
  const std::weak_ptr<std::vector<float>> alive = owner;
  Array a(DType::f32, {4}, Storage::adopt(owner->data(), 16, owner));
  owner.reset();
  const Array b = a.reshaped({2, 2});
  a = Array();
  CHECK_FALSE(alive.expired());
  CHECK(b.at(3) == 3);
  a = b;
  a = Array();
  const_cast<Array&>(b) = Array();
  CHECK(alive.expired());
}

TEST_CASE("typed views index by strides, and come from what is like a std::mdspan") {
  std::vector<float> v = ramp(12);
  const Grid<float> grid{v.data(), {3, 2}, {4, 2}};
  const StridedView<float> view = grid;
  CHECK(view.rank() == 2);
  CHECK(view(2, 1) == 10);
  view(2, 1) = -1;
  CHECK(v[10] == -1);
  const StridedView<const float> constant = grid;
  CHECK(constant(1, 1) == 6);
  CHECK(view_of(grid).writable);
  CHECK_FALSE(view_of(constant).writable);
  CHECK(text_of(grid.first ? ArrayView(view) : ArrayView()) == "float32[3, 2] with strides [4, 2]");
  CHECK_THROWS_WITH(StridedView<float>(v.data(), {2, 3}, {1}), contains("[2, 3] with strides [1]"));
  Array a = array<float>({1, 2, 3, 4, 5, 6}, {2, 3});
  CHECK(strided<float>(a)(1, 0) == 4);
  CHECK(strided<float>(std::as_const(a))(0, 2) == 3);
  CHECK_THROWS_WITH(strided<double>(a), contains("viewed as float64"));
}

TEST_CASE("an array that holds nothing has no elements") {
  Array a = array<float>({1, 2}, {2});
  const Array b = std::move(a);
  CHECK_THROWS_WITH(a.at(0), contains("holds nothing"));  // NOLINT(bugprone-use-after-move)
}
