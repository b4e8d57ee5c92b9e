#include <mydht/runtime/post.hpp>

#include <asio/post.hpp>

namespace mydht {

void post(const executor& on, std::function<void()> work) { asio::post(on, std::move(work)); }

}  // namespace mydht
