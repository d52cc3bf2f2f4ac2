// Contractions of plain matrices as calls of OpenBLAS; see runtime/program/matrix_form.h.
#pragma once

#include "runtime/executor/contraction.h"
#include "runtime/library/library.h"
#include "runtime/program/matrix_form.h"

namespace bitale::executor {

// The library's function for a dtype. Error if OpenBLAS cannot be opened.
library::LibraryFn matrix_function(DType dtype);

// As run_contraction(). The products of a batch, or the rows or columns of each, are dealt to the threads; each calls
// the library, which uses no threads of its own, and then the epilogue.
int run_matrix_call(const ContractionCall& call, const program::MatrixForm& form, library::LibraryFn function,
                    int thread, int threads);

}  // namespace bitale::executor
