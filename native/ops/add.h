#pragma once
// add: y = a + b, element by element
//   shapes  y, a, b equal   types f32   alias y may be a or b
#include "core/device.h"
#include "core/tensor.h"

namespace conclave::ops {
void add(Tensor y, Tensor a, Tensor b, Stream& stream);
}
