#include "transport/conformance_notes.hpp"

#include <exception>
#include <utility>

#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>

namespace mydht::detail {

conformance_notes::conformance_notes(const environment& env)
    : group_(env.exec, [into = findings_](std::string_view, const std::exception_ptr& error) {
          try {
              std::rethrow_exception(error);
          } catch (const std::exception& e) {
              into->push_back(std::string("threw: ") + e.what());
          } catch (...) {
              into->emplace_back("threw something that is no std::exception");
          }
      }) {}

void conformance_notes::expect(bool holds, std::string what) {
    if (!holds) findings_->push_back(std::move(what));
}

task<> let_others_run() {
    for (int turn = 0; turn < 8; ++turn) co_await asio::post(asio::use_awaitable);
}

}  // namespace mydht::detail
