#include <memory>
#include <vector>

#include <mydht/runtime/channel.hpp>

#include "runtime/fixture.hpp"

using namespace mydht;
using namespace mydht::test;

namespace {

task<> send_all(channel<int>& out, int count, int& sent) {
    for (int i = 0; i < count; ++i) {
        const auto done = co_await out.send(i);
        if (!done) co_return;
        ++sent;
    }
}

task<> receive_all(channel<int>& in, std::vector<int>& got, std::error_code& end) {
    for (;;) {
        const auto value = co_await in.receive();
        if (!value) {
            end = value.error();
            co_return;
        }
        got.push_back(*value);
    }
}

task<> receive_one(channel<int>& in, time_source& on, steady_time deadline, std::error_code& end) {
    const auto value = co_await in.receive_until(on, deadline);
    end = value ? std::error_code{} : value.error();
}

}  // namespace

TEST_CASE("a full channel holds its sender back", "[channel]") {
    loop l;
    channel<int> pipe(2);
    int sent = 0;
    started sender(l.context, send_all(pipe, 5, sent));
    l.poll();
    CHECK(sent == 2);
    CHECK_FALSE(pipe.try_send(9));

    std::vector<int> got;
    std::error_code end;
    started receiver(l.context, receive_all(pipe, got, end));
    l.poll();
    CHECK(sent == 5);
    CHECK(got == std::vector<int>{0, 1, 2, 3, 4});
    pipe.close();
    l.poll();
    CHECK(end == errc::closed);
}

TEST_CASE("a closed channel drains and takes nothing new", "[channel]") {
    loop l;
    channel<int> pipe(4);
    CHECK(pipe.try_send(1));
    CHECK(pipe.try_send(2));
    pipe.close();
    CHECK_FALSE(pipe.try_send(3));
    std::vector<int> got;
    std::error_code end;
    started receiver(l.context, receive_all(pipe, got, end));
    int sent = 0;
    started sender(l.context, send_all(pipe, 1, sent));
    l.poll();
    CHECK(got == std::vector<int>{1, 2});
    CHECK(end == errc::closed);
    CHECK(sent == 0);
}

TEST_CASE("closing wakes senders that wait for room", "[channel]") {
    loop l;
    channel<int> pipe(1);
    int sent = 0;
    started sender(l.context, send_all(pipe, 3, sent));
    l.poll();
    pipe.close();
    l.poll();
    CHECK(sender.ended());
    CHECK(sent == 1);
}

TEST_CASE("receiving gives up at the deadline", "[channel]") {
    loop l;
    channel<int> pipe(1);
    std::error_code end;
    started receiver(l.context, receive_one(pipe, l.time, steady_time(1s), end));
    l.poll();
    l.advance(1s);
    CHECK(end == errc::timed_out);
}

TEST_CASE("several receivers get every value once, also when one is cancelled in between", "[channel]") {
    loop l;
    channel<int> pipe(3);
    std::vector<int> got;
    std::error_code end;
    started one(l.context, receive_all(pipe, got, end));
    started two(l.context, receive_all(pipe, got, end));
    started three(l.context, receive_all(pipe, got, end));
    l.poll();
    CHECK(pipe.try_send(1));
    CHECK(pipe.try_send(2));
    CHECK(pipe.try_send(3));
    two.cancel();
    l.poll();
    std::sort(got.begin(), got.end());
    CHECK(got == std::vector<int>{1, 2, 3});
}
