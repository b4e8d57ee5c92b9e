// Google Benchmark's main with one option more: --smoke, which only shows that everything runs, in seconds.
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>

int main(int argc, char** argv) {
    static char shortest[] = "--benchmark_min_time=0.001";
    // Networks of this size take long to set up.
    static char small_only[] = "--benchmark_filter=-nodes:1000|sessions:10000";
    std::vector<char*> arguments;
    for (int i = 0; i < argc; ++i) {
        if (std::string_view(argv[i]) != "--smoke") {
            arguments.push_back(argv[i]);
            continue;
        }
        arguments.push_back(shortest);
        arguments.push_back(small_only);
    }
    int count = static_cast<int>(arguments.size());
    arguments.push_back(nullptr);
    benchmark::Initialize(&count, arguments.data());
    if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 1;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}
