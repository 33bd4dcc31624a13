// A directory of files for one test, removed with it.
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include <stdlib.h>
#include <sys/stat.h>

namespace tunneld::config {

class TemporaryFiles {
 public:
  TemporaryFiles() {
    std::string name = (std::filesystem::temp_directory_path() / "tunneld-config-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    directory_ = name;
  }
  ~TemporaryFiles() { std::filesystem::remove_all(directory_); }
  TemporaryFiles(const TemporaryFiles&) = delete;
  TemporaryFiles& operator=(const TemporaryFiles&) = delete;

  /// Returns the file's full name. The mode does not depend on the umask.
  std::string write(const std::string& name, std::string_view content, mode_t mode = 0644) const {
    const std::filesystem::path path = directory_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << content;
    if (::chmod(path.c_str(), mode) != 0) throw std::runtime_error("chmod");
    return path.string();
  }
  [[nodiscard]] std::string path(const std::string& name) const { return (directory_ / name).string(); }

 private:
  std::filesystem::path directory_;
};

inline std::string read_text(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

/// Valid public keys, and the private key of kPublicA. Published here: for tests only.
inline constexpr std::string_view kPrivateA = "6IzVoI/+g4zy4Ic885aLMnOkm5BCQ6tMEesXbO8hZn8=";
inline constexpr std::string_view kPublicA = "QT+SI3B9AeQJXs5ILAQWeT16PxIo5jXK3D/x+gG4Og4=";
inline constexpr std::string_view kPublicB = "oTmJPFXm17CyFoqxGk0TdklXA8YlLhXgq748G9ec1ho=";
inline constexpr std::string_view kPublicC = "h9AEVDAniOH6x2FW0SKtewIoy5VXgXpDYBeZRfNLono=";

}  // namespace tunneld::config
