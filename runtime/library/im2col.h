// Convolutions of images with two spatial axes by patch matrices and OpenBLAS (im2col).
//
// conv_im2col: one side of the form
//     sum over n, g, f, c, taps t, positions p of result[n, g*Fg+f, p] * filters[g*Fg+f, c, t'] * image[n, g*C+c,
//     p*s+t*d]
// (t' = t, or taps-1-t along both axes if flipped) from the other two. Integers: the DType, a float; the side that is
// computed (Im2colSide); 1 if flipped; strides s of both axes; dilations d of both axes. Extents: images N, groups G,
// channels C and filters F of a group; height and width of the image, of the window, of the result; and how many images
// the patch matrices in the scratch are of, at least 1 if N is. Buffers: image [N, G*C, height, width], filters [G*F,
// C, window], result [N, G*F, positions] without the computed side (of image and result: filters first), then the
// computed side, then scratch [images, G*C, window, positions].
//
// Images go through the scratch by as many as it holds; all threads share each step of that, and meet between them.
#pragma once

#include "runtime/library/library.h"

namespace bitale::library {

enum class Im2colSide : std::int64_t { result = 0, image = 1, filters = 2 };

LibraryFn find_im2col(const std::string& name);  // null for a name that is not its; Error if OpenBLAS cannot be opened
double im2col_work(std::span<const std::int64_t> extents);

}  // namespace bitale::library
