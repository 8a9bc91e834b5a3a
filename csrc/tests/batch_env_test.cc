#include "csrc/batch_env.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "csrc/crew.h"
#include "csrc/tests/games.h"
#include "csrc/tests/harness.h"

namespace tesuji {
namespace {

// An environment with the arrays of its caller, who moves at random.
struct Played {
  Played(const std::string& game, int size, const BatchEnvOptions& options)
      : env(Load(game), size, options),
        inputs(size * env.input_size()),
        legal_mask(size * env.num_actions()),
        players(size),
        rewards(size * env.num_players()),
        done(size),
        actions(size) {
    env.Observe(observations());
  }

  Observations observations() {
    return {inputs.data(), legal_mask.data(), players.data()};
  }
  void Choose() {
    const size_t width = env.num_actions();
    for (size_t i = 0; i < env.size(); ++i) {
      do {
        actions[i] = rng.Below(width);
      } while (legal_mask[i * width + actions[i]] == 0);
    }
  }
  void Step() {
    Choose();
    env.Step(actions, {rewards.data(), done.data()}, observations());
  }

  BatchEnv env;
  std::vector<float> inputs;
  std::vector<uint8_t> legal_mask;
  std::vector<int32_t> players;
  std::vector<float> rewards;
  std::vector<uint8_t> done;
  std::vector<int64_t> actions;
  Rng rng{5};
};

void ExpectSame(const Played& a, const Played& b) {
  ExpectEqual(a.inputs, b.inputs);
  ExpectEqual(a.legal_mask, b.legal_mask);
  ExpectEqual(a.players, b.players);
  ExpectEqual(a.rewards, b.rewards);
  ExpectEqual(a.done, b.done);
}

const char* const kGames[] = {
    "tic_tac_toe",
    "leduc_poker",
    "pig(winscore=15,horizon=40)",
    "goofspiel(num_cards=3)",
    "negotiation",
};

// An encoder that does to the environment what a test asks for.
std::atomic<bool> fails = false;
std::atomic<BatchEnv*> entered = nullptr;

class Disturbing : public Encoder {
 public:
  std::vector<int> shape() const override { return {1}; }
  void encode(std::span<const State* const>, Player,
              std::span<float> out) const override {
    out[0] = 1.0f;
    if (fails) throw std::runtime_error("no paper left");
    if (entered != nullptr) entered.load()->Save();
  }
};

const EncoderRegistration disturbing("disturbing", [](const Game&) {
  return std::make_shared<Disturbing>();
});

TEST(GamesDoNotDependOnTheNumberOfThreads) {
  for (const char* game : kGames) {
    Played alone(game, 10, {.seed = 3});
    Played three(game, 10, {.seed = 3, .workers = 3});
    Played other(game, 10, {.seed = 4, .workers = 3});
    int ended = 0;
    bool differs = false;
    for (int i = 0; i < 60; ++i) {
      ExpectSame(alone, three);
      differs = differs || alone.inputs != other.inputs;
      alone.Step();
      three.Step();
      other.Step();
      ended += static_cast<int>(std::ranges::count(alone.done, 1));
    }
    Expect(ended > 0);
    // Without chance the seed decides nothing.
    Expect(differs || std::string(game) == "tic_tac_toe");
  }
}

TEST(MoreThreadsThanGames) {
  Played few("leduc_poker", 2, {.workers = 8});
  for (int i = 0; i < 20; ++i) few.Step();
}

TEST(AGroupBeginsItsGamesAlike) {
  Played run("leduc_poker", 12, {.seed = 1, .workers = 2, .group = 4});
  std::vector<std::vector<std::vector<Action>>> begun(12);
  const auto note = [&](size_t i) {
    begun[i].push_back(run.env.CopyOf(i)->History());
    ExpectEqual(begun[i].back().size(), 2);  // two cards
  };
  for (size_t i = 0; i < 12; ++i) note(i);
  while (
      std::ranges::min(begun, {}, &decltype(begun)::value_type::size).size() <
      9) {
    run.Step();
    for (size_t i = 0; i < 12; ++i) {
      if (run.done[i]) note(i);
    }
  }
  std::set<std::vector<std::vector<Action>>> different;
  for (size_t i = 0; i < 12; ++i) {
    begun[i].resize(9);
    ExpectEqual(begun[i], begun[i / 4 * 4]);
    different.insert(begun[i]);
  }
  ExpectEqual(different.size(), 3);
  ExpectThrow<Error>("multiple",
                     [] { BatchEnv env(Load("kuhn_poker"), 6, {.group = 4}); });
}

TEST(AfterThatChanceIsEachGamesOwn) {
  Played run("leduc_poker", 64, {.group = 64});
  std::set<Action> public_cards;
  for (int i = 0; i < 2; ++i) {  // both call, so a third card is dealt
    std::ranges::fill(run.actions, 1);
    run.env.Step(run.actions, {run.rewards.data(), run.done.data()},
                 run.observations());
  }
  for (int i = 0; i < 64; ++i) {
    const std::vector<Action> history = run.env.CopyOf(i)->History();
    ExpectEqual(history.size(), 5);
    public_cards.insert(history.back());
  }
  ExpectEqual(public_cards.size(), 4);
}

TEST(SavedGamesGoOnExactly) {
  for (const char* game :
       {"leduc_poker", "goofspiel(num_cards=3)", "tic_tac_toe"}) {
    const BatchEnvOptions options = {
        .encoder =
            std::string(game) == "tic_tac_toe" ? "observation_pair" : "auto",
        .seed = 3,
        .workers = 2,
        .group = 2};
    Played run(game, 6, options);
    for (int i = 0; i < 17; ++i) run.Step();
    const std::string saved = run.env.Save();
    BatchEnvOptions another = options;
    another.seed = 99;
    another.workers = 3;
    Played again(game, 6, another);
    again.env.Restore(saved);
    ExpectEqual(again.env.Save(), saved);
    again.env.Observe(again.observations());
    again.rng = run.rng;
    for (int i = 0; i < 40; ++i) {
      ExpectEqual(again.inputs, run.inputs);
      run.Step();
      again.Step();
      ExpectSame(again, run);
    }
    for (size_t length = 0; length < saved.size(); length += 7) {
      ExpectThrow<Error>("", [&] {
        again.env.Restore(std::string_view(saved).substr(0, length));
      });
    }
    ExpectThrow<Error>("too long", [&] { again.env.Restore(saved + "x"); });
    ExpectEqual(again.env.Save(), run.env.Save());
  }
  Played inside("negotiation", 2, {});
  ExpectThrow<Error>("cannot be saved", [&] { inside.env.Save(); });
}

TEST(StartsAreCheckedAndDrawn) {
  const std::vector<std::vector<Action>> starts = {{4}, {0, 8}, {2, 6, 4}};
  Played run("tic_tac_toe", 60, {.starts = starts});
  std::set<std::vector<Action>> seen;
  for (int i = 0; i < 60; ++i) seen.insert(run.env.CopyOf(i)->History());
  ExpectEqual(seen,
              std::set<std::vector<Action>>(starts.begin(), starts.end()));
  const auto refused = [](const char* game,
                          const std::vector<std::vector<Action>>& given,
                          const char* why) {
    ExpectThrow<Error>(why,
                       [&] { BatchEnv(Load(game), 2, {.starts = given}); });
  };
  refused("tic_tac_toe", {{4}, {4, 4}},
          "starts[1] plays 4 at position 1, where legal are 0, 1, 2, 3, 5, 6, "
          "7, 8; tic_tac_toe(), history [4]");
  refused("tic_tac_toe", {{0, 3, 1, 4, 2, 5}},
          "starts[0] plays 5 at position 5, where the game is over");
  refused("tic_tac_toe", {{0, 3, 1, 4, 2}}, "starts[0] ends where the game is");
  refused("kuhn_poker", {{0, 0}},
          "plays 0 at position 1, where legal are 1, 2");
  refused("negotiation", {{}}, "draws chance inside");
}

TEST(AnIllegalActionStepsNoGame) {
  Played run("tic_tac_toe", 9, {.workers = 3});
  run.Step();
  const std::string before = run.env.Save();
  run.Choose();
  const int64_t taken = run.env.CopyOf(7)->History()[0];
  for (const int64_t action : {taken, int64_t{-1}, int64_t{9}}) {
    run.actions[7] = action;
    ExpectThrow<Error>(
        "actions[7] is " + std::to_string(action) +
            ", which is illegal in game 7; tic_tac_toe(), history [" +
            std::to_string(taken) + "]",
        [&] {
          run.env.Step(run.actions, {run.rewards.data(), run.done.data()},
                       run.observations());
        });
    ExpectEqual(run.env.Save(), before);
  }
  run.Step();
  ExpectThrow<Error>("index is 9", [&] { run.env.CopyOf(9); });
  ExpectThrow<Error>("index is -1", [&] { run.env.CopyOf(-1); });
}

TEST(AGameThatFailsIsNamedAndStopsAll) {
  Played run("kuhn_poker", 8, {.encoder = "disturbing", .workers = 2});
  const std::string saved = run.env.Save();
  fails = true;
  ExpectThrow<Error>("no paper left; kuhn_poker(), history [",
                     [&] { run.Step(); });
  fails = false;
  ExpectThrow<Error>("failed before", [&] { run.Step(); });
  ExpectThrow<Error>("failed before", [&] { run.env.Save(); });
  run.env.Restore(saved);
  run.env.Observe(run.observations());
  run.Step();
}

TEST(TwoAtOnceAreRefused) {
  Played run("kuhn_poker", 2, {.encoder = "disturbing"});
  entered = &run.env;
  ExpectThrow<Error>("in use", [&] { run.env.Observe(run.observations()); });
  entered = nullptr;
  run.env.Observe(run.observations());
}

TEST(WhatCannotBePlayedIsRefused) {
  const auto refused = [](const char* game, const char* why) {
    ExpectThrow<Error>(why, [&] { BatchEnv(Load(game), 1, {}); });
  };
  refused("mfg_crowd_modelling", "mean-field game");
  refused("morpion_solitaire", "cannot be copied safely");
  refused("coin_game", "no observation or information-state tensor");
  for (const BatchEnvOptions& options :
       {BatchEnvOptions{.workers = 0}, BatchEnvOptions{.group = 0}}) {
    ExpectThrow<Error>("at least 1",
                       [&] { BatchEnv(Load("pig"), 1, options); });
  }
  ExpectThrow<Error>("at least 1", [] { BatchEnv(Load("pig"), 0, {}); });
  ExpectThrow<Error>("unknown",
                     [] { BatchEnv(Load("pig"), 1, {.encoder = "x"}); });
}

TEST(ACrewRunsEachWorkerOnItsOwnThread) {
  Crew crew(4);
  ExpectEqual(crew.workers(), 4);
  std::vector<std::thread::id> threads(4);
  crew.Run([&](int i) { threads[i] = std::this_thread::get_id(); });
  Expect(threads[0] == std::this_thread::get_id());
  ExpectEqual(std::set(threads.begin(), threads.end()).size(), 4);
  std::vector<int> counts(4, 0);
  for (int round = 0; round < 1000; ++round) {
    crew.Run([&](int i) {
      Expect(threads[i] == std::this_thread::get_id());
      counts[i] += i;
    });
  }
  ExpectEqual(counts, std::vector<int>{0, 1000, 2000, 3000});
}

TEST(ACrewThrowsTheFirstFailureOnceAndGoesOn) {
  for (const int workers : {1, 3}) {
    Crew crew(workers);
    for (int round = 0; round < 50; ++round) {
      ExpectThrow<Error>(workers == 1 ? "worker 0" : "worker 1", [&] {
        crew.Run([&](int i) {
          if (i > 0 || workers == 1) {
            throw Error("worker " + std::to_string(i));
          }
        });
      });
      std::atomic<int> ran = 0;
      crew.Run([&](int) { ++ran; });
      ExpectEqual(ran.load(), workers);
    }
  }
}

}  // namespace
}  // namespace tesuji
