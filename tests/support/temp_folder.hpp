#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "support/catch.hpp"

namespace mydht::test {

/// A folder of its own for a test; removed with all that is in it.
class temp_folder {
public:
    temp_folder() {
        auto name = (std::filesystem::temp_directory_path() / "mydht-test-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    temp_folder(const temp_folder&) = delete;
    temp_folder& operator=(const temp_folder&) = delete;
    ~temp_folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    [[nodiscard]] std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

    /// How many names are in it, hidden ones too.
    [[nodiscard]] std::size_t entries() const {
        std::size_t count = 0;
        for (const auto& entry : std::filesystem::directory_iterator(path_)) count += entry.path().empty() ? 0 : 1;
        return count;
    }

private:
    std::filesystem::path path_;
};

}  // namespace mydht::test
