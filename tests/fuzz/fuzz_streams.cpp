#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include <mydht/wire/frame.hpp>
#include <mydht/wire/stream_frames.hpp>

#include "../support/manual_clock.hpp"
#include "session/stream_set.hpp"

using namespace mydht;

namespace {

void check(bool holds) {
    if (!holds) std::abort();
}

constexpr std::size_t streams_max = 6;
/// Less than all windows together, so that it runs out.
constexpr std::size_t memory_bytes = 1024 * 1024;

/// The streams of one end under the frames of a hostile peer, with services that do this and that.
class victim final : detail::stream_owner {
public:
    victim(bool dialler, bool with_offsets) : with_offsets_(with_offsets), set_(*this, home(), limits(), dialler) {}

    bool take(const wire::frame& what) {
        const auto before = set_.size();
        const auto taken = set_.take(what, with_offsets_);
        check(set_.size() <= before + 1);
        check(set_.open_streams() <= 2 * streams_max);
        if (taken) use(what.channel);
        return taken.has_value();
    }

    void send(std::size_t room) {
        for (int i = 0; i < 20; ++i) {
            bytes out;
            const auto said = set_.write_next(out, room, with_offsets_);
            check(said.has_value() == !out.empty() && out.size() <= room);
            if (!said) break;
            wire::frame_decoder decoder;
            bytes_view rest = out;
            const auto frame = decoder.next(rest);
            check(frame && *frame && rest.empty() && (*frame)->kind == said->kind);
            if (with_offsets_ && ++lost_ % 3 == 0) {
                set_.lost(*said);
            } else {
                set_.acknowledged(*said);
            }
        }
    }

    /// The windows bound it, whatever came, and the session's share of the node's memory does.
    void check_memory() const {
        const auto& account = *set_.home()->account;
        check(account.held(detail::stream_side_of::receiving) <
              memory_bytes / detail::stream_memory::shares + 64 * 1024);
        const auto each = limits().stream_window_bytes + limits().stream_send_bytes;
        check(set_.memory() < 4 * (limits().session_window_bytes + 2 * streams_max * each) + 2048 * set_.size());
    }

    bool open() { return set_.open("own/1").has_value(); }

private:
    static std::shared_ptr<const detail::stream_home> home() {
        detail::stream_memory_limits most;
        most.receive_bytes = memory_bytes;
        most.send_bytes = memory_bytes;
        most.patience = std::chrono::seconds(1);
        auto out = std::make_shared<detail::stream_home>();
        auto memory = std::make_shared<detail::stream_memory>(std::make_shared<test::manual_clock>(), most);
        out->account = std::make_shared<detail::stream_account>(std::move(memory));
        return out;
    }

    static detail::stream_settings limits() {
        detail::stream_settings out;
        out.streams_max = streams_max;
        out.stream_window_bytes = wire::initial_stream_window;
        out.session_window_bytes = wire::initial_session_window;
        out.stream_send_bytes = 8 * 1024;
        return out;
    }

    void use(std::uint32_t channel) {
        for (const auto& one : opened_) {
            if (one->channel() != channel) continue;
            bytes part(1000);
            const auto got = one->read_ready(part);
            if (got) (void)one->write_ready(bytes_view(part).first(*got));
            if (!got && got.error() == errc::end_of_stream) one->leave();
        }
    }

    void streams_have_output() override {}
    void stream_opened(const std::shared_ptr<detail::stream_state>& which) override {
        check(!which->service().empty());
        const auto whim = static_cast<unsigned char>(which->service().front());
        if (whim % 8 == 1) return which->reset(whim);
        which->accept();
        if (whim % 8 == 2) return which->abandon();
        if (whim % 8 == 3) which->leave();
        if (opened_.size() < 100) opened_.push_back(which);
    }
    void stream_broken(detail::stream_state&) override {}
    void streams_quiet() override {}
    void count(detail::stream_event) noexcept override {}
    std::shared_ptr<void> hold() override { return nullptr; }

    bool with_offsets_;
    std::size_t lost_ = 0;
    std::vector<std::shared_ptr<detail::stream_state>> opened_;
    detail::stream_set set_;
};

}  // namespace

/// The first byte says how frames travel and who dialled; the rest is frames.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const bool with_offsets = (data[0] & 1U) != 0;
    victim v((data[0] & 2U) != 0, with_offsets);
    const std::size_t room = (data[0] & 4U) != 0 ? 40 : 1200;
    if ((data[0] & 8U) != 0) check(v.open());
    wire::frame_decoder frames;
    bytes_view rest(data + 1, size - 1);
    for (;;) {
        const auto next = frames.next(rest);
        if (!next || !*next) break;
        const auto& frame = **next;
        const auto kind = static_cast<int>(frame.kind);
        const bool of_streams = (kind >= 2 && kind <= 6) || frame.kind == wire::frame_kind::session_window;
        if (of_streams && !v.take(frame)) break;
        v.send(room);
        v.check_memory();
    }
    return 0;
}
