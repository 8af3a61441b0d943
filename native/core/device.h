#pragma once
// What an op runs on. Each device room derives its own stream from this; an op's check-and-dispatch
// file looks at `kind`.

namespace conclave {

enum class DeviceKind { cpu, cuda };

struct Stream {
  DeviceKind kind;

 protected:
  explicit Stream(DeviceKind k) : kind(k) {}
  ~Stream() = default;
};

}  // namespace conclave
