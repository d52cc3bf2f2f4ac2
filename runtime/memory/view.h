// Views: elements that lie in somebody's memory, dense or strided, without owning them. What a view shows must live,
// and stay where it is, for as long as the view is used.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>

#include "runtime/base/dtype.h"
#include "runtime/memory/array.h"

namespace bitale {

// The address of the element [0, 0, ...], and for each axis how many elements there are and how many elements apart
// they lie: a negative stride walks backwards, one of 0 repeats an element.
struct ArrayView {
  DType dtype = DType::f32;
  void* data = nullptr;
  Extents shape, strides;
  bool writable = false;
};

Extents row_major_strides(const Extents& shape);
std::string text_of(const ArrayView& view);  // "float32[2, 3] with strides [1, 2]"; these only if it is not dense

// Whether the elements lie one after the other in row-major order, at addresses that suit their dtype: they can be read
// in place. Axes of extent 1 may have any stride.
bool is_dense(const ArrayView& view);

// An Array that is a dense view's memory: it does not own it.
Array borrowed(const ArrayView& view);
// An Array of its own with the elements of a view, dense or not.
Array copy_of(const ArrayView& view);

// What std::mdspan, Kokkos' and others of its kind have.
template <class M>
concept MdspanLike = requires(const M& m, typename M::rank_type axis) {
  typename M::element_type;
  { m.data_handle() } -> std::same_as<typename M::element_type*>;
  { m.extent(axis) } -> std::integral;
  { m.stride(axis) } -> std::integral;
  { M::rank() } -> std::convertible_to<std::size_t>;
};

// A typed view: of a result, of memory that a call reads, or of memory that it writes. T may be const.
//
//   StridedView<const float> corner(image.data(), {3, 3}, {width, 1});
//   corner(2, 1);
template <class T>
class StridedView {
 public:
  using element_type = T;

  StridedView(T* data, Extents shape) : data_(data), shape_(std::move(shape)), strides_(row_major_strides(shape_)) {}
  // A stride for each axis, in elements; another number of them is an Error.
  StridedView(T* data, Extents shape, Extents strides)
      : data_(data), shape_(std::move(shape)), strides_(std::move(strides)) {
    if (strides_.size() != shape_.size())
      throw Error("a view of shape " + shape_text(shape_) + " with strides " + shape_text(strides_) +
                  ": one for each axis is expected");
    element_count(shape_);
  }
  template <MdspanLike M>
    requires std::convertible_to<typename M::element_type (*)[], T (*)[]>
  StridedView(const M& m) : data_(m.data_handle()) {  // NOLINT
    for (typename M::rank_type axis = 0; axis < M::rank(); ++axis) {
      shape_.push_back(static_cast<std::int64_t>(m.extent(axis)));
      strides_.push_back(static_cast<std::int64_t>(m.stride(axis)));
    }
  }

  T* data() const { return data_; }
  int rank() const { return static_cast<int>(shape_.size()); }
  const Extents& shape() const { return shape_; }
  const Extents& strides() const { return strides_; }

  // The element at one index per axis. Neither their number nor their values are checked.
  template <std::integral... I>
  T& operator()(I... index) const {
    std::int64_t offset = 0;
    std::size_t axis = 0;
    ((offset += static_cast<std::int64_t>(index) * strides_[axis++]), ...);
    return data_[offset];
  }

  operator ArrayView() const {  // NOLINT
    return {dtype_of<std::remove_const_t<T>>(), const_cast<std::remove_const_t<T>*>(data_), shape_, strides_,
            !std::is_const_v<T>};
  }

 private:
  T* data_;
  Extents shape_, strides_;
};

// An Array's elements as a view of its shape; another dtype than T's is an Error.
template <class T>
StridedView<T> strided(Array& array) {
  return {array.view<T>().data(), array.shape()};
}
template <class T>
StridedView<const T> strided(const Array& array) {
  return {array.view<T>().data(), array.shape()};
}

// What else is a view: specialised by <bitale/eigen.h>, and by users for types of their own, with
// `static ArrayView view(const T&)`, and view(T&) if that is writable where the view of a const T is not.
template <class T>
struct ViewTraits {};

template <class T>
concept Viewable = requires(const T& object) {
  { ViewTraits<T>::view(object) } -> std::same_as<ArrayView>;
};

template <class T>
struct ViewTraits<StridedView<T>> {
  static ArrayView view(const StridedView<T>& v) { return v; }
};
template <MdspanLike M>
struct ViewTraits<M> {
  static ArrayView view(const M& m) { return StridedView<typename M::element_type>(m); }
};

template <Viewable T>
ArrayView view_of(const T& object) {
  return ViewTraits<T>::view(object);
}
template <Viewable T>
ArrayView view_of(T& object) {
  return ViewTraits<T>::view(object);
}

}  // namespace bitale
