// Calls on a device that are recorded: what one call asked the driver for is then asked for as a whole, any number of
// times. Only inside a recording do steps go to several streams (streams.h): recordings and all else follow each other
// in the device's one stream, so that calls, of whatever threads, find memory as the calls before left it.
#pragma once

#include <vector>

#include "runtime/executor/frame.h"
#include "runtime/executor/streams.h"

namespace bitale::executor {

// Runs the frame's program with its ports at these addresses. A call is recorded when it meets addresses for the second
// time: the first call with them may be the only one.
void run_or_replay(Frame& frame, const std::vector<void*>& addresses);

// What each step of the outermost program touches, where the frame and its ports lie now: buffers; memory of the module
// where blocks of a launch meet; the workspace of a library, of which there is one; the word that checks report to.
// Loops' kernels all touch something, as the blocks of each have to be there at the same time. What the host runs is
// alone: loops and branches that are no kernel, and library calls without one.
std::vector<StepUse> uses_of(const Frame& frame);

}  // namespace bitale::executor
