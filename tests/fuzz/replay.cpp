// Runs a fuzzer's entry on every file of a corpus folder and on mutations of them: what a fuzzer found once stays a
// test, and every build shakes the decoders a little. Usage: replay_<name> FOLDER [MUTATIONS-A-FILE]; MYDHT_SEED picks
// other mutations.

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <mydht/core/random.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using mydht::bytes;

struct input {
    std::string name;
    bytes data;
};

/// What the entry is working on, for the signal handler.
char current[512];

void run(const std::string& name, const bytes& data) {
    std::snprintf(current, sizeof current, "failed on %s\n", name.c_str());
    // A copy of the exact size: a sanitizer then sees reads behind the end.
    const bytes exact(data);
    LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

extern "C" void say_which(int signal_number) {
    const auto size = std::find(current, current + sizeof current, '\0') - current;
    if (::write(STDERR_FILENO, current, static_cast<std::size_t>(size)) < 0) std::_Exit(128 + signal_number);
    std::signal(signal_number, SIG_DFL);
    std::raise(signal_number);
}

std::vector<input> read_corpus(const std::filesystem::path& folder) {
    std::vector<input> out;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (!entry.is_regular_file()) continue;
        std::ifstream file(entry.path(), std::ios::binary);
        out.push_back({entry.path().filename().string(), bytes(std::istreambuf_iterator<char>(file), {})});
    }
    std::ranges::sort(out, {}, &input::name);
    return out;
}

/// Sizes and counts are most often wrong at their ends.
void put_extreme_number(bytes& data, std::size_t at, mydht::prng& random) {
    constexpr std::uint64_t extremes[] = {0,      1,      0x7f,       0x80,       0xff,
                                          0x7fff, 0xffff, 0x7fffffff, 0xffffffff, ~std::uint64_t{0}};
    const auto value = extremes[random.below(std::size(extremes))];
    const auto width = std::size_t{1} << random.below(4);
    for (std::size_t i = 0; i < width && at + i < data.size(); ++i) {
        data[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
    }
}

void mutate_once(bytes& data, const bytes& other, mydht::prng& random) {
    const auto offset = [](std::size_t at) { return static_cast<std::ptrdiff_t>(at); };
    const auto at = static_cast<std::size_t>(random.below(data.size() + 1));
    const auto length = static_cast<std::size_t>(random.below(std::min<std::size_t>(data.size() - at, 32) + 1));
    const auto what = random.below(7);
    const auto byte = static_cast<std::uint8_t>(random.below(256));
    if (what == 0) {
        data.resize(at);
    } else if (what == 1) {
        data.insert(data.begin() + offset(at), byte);
    } else if (what == 2) {
        data.erase(data.begin() + offset(at), data.begin() + offset(at + length));
    } else if (what == 3) {
        const bytes chunk(data.begin() + offset(at), data.begin() + offset(at + length));
        data.insert(data.begin() + offset(at), chunk.begin(), chunk.end());
    } else if (what == 4 && !other.empty()) {
        const auto from = static_cast<std::size_t>(random.below(other.size()));
        data.resize(at);
        data.insert(data.end(), other.begin() + offset(from), other.end());
    } else if (what == 5 && at < data.size()) {
        data[at] = static_cast<std::uint8_t>(data[at] ^ (1U << (byte % 8U)));
    } else {
        put_extreme_number(data, at, random);
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: %s FOLDER [MUTATIONS-A-FILE]\n", argv[0]);
        return 2;
    }
    for (const int number : {SIGABRT, SIGSEGV, SIGFPE, SIGBUS, SIGILL}) std::signal(number, say_which);
    const auto corpus = read_corpus(argv[1]);
    if (corpus.empty()) {
        std::fprintf(stderr, "%s: no inputs\n", argv[1]);
        return 1;
    }
    const char* given = std::getenv("MYDHT_SEED");
    const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 0) : 1;
    const long mutations = argc > 2 ? std::strtol(argv[2], nullptr, 10) : 2000;

    for (const auto& one : corpus) run(one.name, one.data);
    mydht::prng random(seed);
    for (const auto& one : corpus) {
        for (long i = 0; i < mutations; ++i) {
            bytes data = one.data;
            for (auto left = 1 + random.below(4); left > 0; --left) {
                const auto& other = corpus[static_cast<std::size_t>(random.below(corpus.size()))];
                mutate_once(data, other.data, random);
            }
            run(one.name + ", mutation " + std::to_string(i) + ", MYDHT_SEED=" + std::to_string(seed), data);
        }
    }
    std::printf("%zu inputs, %ld mutations each, MYDHT_SEED=%llu\n", corpus.size(), mutations,
                static_cast<unsigned long long>(seed));
    return 0;
}
