#include "csrc/game_slot.h"

#include <algorithm>
#include <string>
#include <utility>

namespace tesuji {

GameSlot::GameSlot(const Pool& pool, int64_t first_id)
    : pool_(pool), next_id_(first_id), history_depth_(0) {
  for (const EvaluatorPtr& evaluator : pool.evaluators_) {
    if (evaluator->encoder() == nullptr) continue;
    history_depth_ =
        std::max(history_depth_, evaluator->encoder()->history_depth());
  }
  for (const PlayerParams& player : pool.players_) {
    trees_.push_back(std::make_unique<Tree>(
        *pool.game_, pool.evaluators_[player.evaluator]->value_scale(),
        player.search));
  }
}

bool GameSlot::Advance(std::span<const std::unique_ptr<Batch>> batches,
                       int half) {
  try {
    return Play(batches, half);
  } catch (const std::exception&) {
    if (state_ == nullptr) throw;
    RethrowFrom(*state_);
  }
}

bool GameSlot::Play(std::span<const std::unique_ptr<Batch>> batches, int half) {
  while (true) {
    if (state_ == nullptr && !Begin()) return false;
    if (search_.has_value()) {
      if (!search_->Run(*batches[mover().evaluator], half)) return true;
      Decide();
      if (state_ == nullptr) return true;
      continue;
    }
    const Player player = Mover(*state_);
    if (player == kTerminalPlayer) {
      std::vector<double> returns = Returns(*state_);
      const double scale = pool_.evaluators_[0]->value_scale();
      for (double& value : returns) value /= scale;
      Finish(std::move(returns));
      // A small game may be all in the cache and never wait for the evaluator:
      // give way after each, so that the worker sees when it has enough.
      return true;
    }
    if (player == kChancePlayer) {
      PlayChance();
    } else if (!PlayOpeningMove()) {
      BeginSearch();
    }
  }
}

void GameSlot::DropTrees() {
  if (search_.has_value()) rng_.set_state(search_rng_);
  search_.reset();
  for (const auto& tree : trees_) tree->Clear();
}

std::vector<GameRecord> GameSlot::TakeFinished() {
  return std::exchange(finished_, {});
}

const GameRecord& GameSlot::record() {
  record_.rng = search_.has_value() ? search_rng_ : rng_.state();
  record_.chance_rng = chance_rng_.state();
  return record_;
}

void GameSlot::Restore(GameRecord record, int64_t next_id) {
  DropTrees();
  finished_.clear();
  past_.clear();
  state_.reset();
  next_id_ = next_id;
  const std::vector<Action> history =
      std::exchange(record.history, std::vector<Action>());
  record_ = std::move(record);
  if (record_.id < 0) return;
  rng_.set_state(record_.rng);
  chance_rng_.set_state(record_.chance_rng);
  state_ = InitialState(*pool_.game_);
  size_t decision = 0;
  for (size_t ply = 0; ply < history.size(); ++ply) {
    if (decision < record_.plies.size() &&
        record_.plies[decision] == static_cast<int32_t>(ply)) {
      Encode(*state_, Past(*pool_.evaluators_[0]), state_->CurrentPlayer());
      ++decision;
    }
    Apply(history[ply]);
  }
}

bool GameSlot::Begin() {
  if (next_id_ >= pool_.end_id_) return false;
  record_ = GameRecord();
  record_.id = next_id_;
  record_.hopeless.assign(pool_.game_->NumPlayers(), 0);
  next_id_ += pool_.num_slots();
  state_ = InitialState(*pool_.game_);
  past_.clear();
  DropTrees();
  if (pool_.openings_.empty()) {
    BeginSelfPlay();
  } else {
    BeginOpening(pool_.openings_[record_.id]);
  }
  return true;
}

void GameSlot::BeginSelfPlay() {
  const SelfPlayParams& params = pool_.selfplay_;
  const uint64_t seed = DeriveSeed(pool_.seed_, record_.id);
  rng_ = Rng(DeriveSeed(seed, 0));
  chance_rng_ = Rng(DeriveSeed(seed, 1));
  record_.seats.assign(pool_.game_->NumPlayers(), 0);
  if (pool_.players_.size() > 1 && rng_.Uniform() < params.past_share) {
    record_.seats[rng_.Below(record_.seats.size())] = 1;
  }
  if (params.random_opening_plies > 0 &&
      rng_.Uniform() < params.random_opening_share) {
    record_.opening_plies = 1 + rng_.Below(params.random_opening_plies);
  }
  record_.check_resignation = rng_.Uniform() < params.resign_check_share;
}

void GameSlot::BeginOpening(const Opening& opening) {
  rng_ = Rng(DeriveSeed(opening.seed, 0));
  chance_rng_ = Rng(DeriveSeed(opening.seed, 1));
  record_.seats = opening.seats;
  for (Action action : opening.history) Apply(action);
}

void GameSlot::Apply(Action action) {
  if (history_depth_ > 0) {
    past_.push_back(state_->Clone());
    if (static_cast<int>(past_.size()) > history_depth_) past_.pop_front();
  }
  state_->ApplyAction(action);
  record_.history.push_back(action);
  for (size_t i = 0; i < trees_.size(); ++i) {
    trees_[i]->Advance(action, pool_.players_[i].search.reuse_tree);
  }
}

void GameSlot::PlayChance() {
  std::vector<double> probabilities;
  const ChanceOutcomeList outcomes = ChanceOutcomes(*state_);
  for (const auto& outcome : outcomes) probabilities.push_back(outcome.second);
  Apply(outcomes[chance_rng_.Categorical(probabilities)].first);
}

bool GameSlot::PlayOpeningMove() {
  if (record_.opening_plies == 0) return false;
  --record_.opening_plies;
  const std::vector<Action> actions = LegalActions(*state_);
  const Action action = actions[rng_.Below(actions.size())];
  // An opening leaves something to play: it ends before the game does.
  if (IsOver(*Child(*state_, action))) {
    record_.opening_plies = 0;
    return false;
  }
  Apply(action);
  return true;
}

void GameSlot::BeginSearch() {
  const PlayerParams& player = mover();
  Tree& tree = *trees_[record_.seats[Mover(*state_)]];
  search_rng_ = rng_.state();
  // Playout-cap randomisation is for the learner: the past plays as it does.
  fast_ = pool_.selfplay_.fast_share > 0.0 && &player == &pool_.players_[0] &&
          rng_.Uniform() < pool_.selfplay_.fast_share;
  const SearchParams& search = fast_ ? pool_.fast_search_ : player.search;
  if (tree.empty()) tree.Reset(*state_, search.simulations, 0);
  search_.emplace(tree, search, rng_,
                  Past(*pool_.evaluators_[player.evaluator]));
}

void GameSlot::Decide() {
  const SearchResult result = search_->Result();
  search_.reset();
  statistics_.simulations += result.simulations;
  statistics_.terminal_hits += result.terminal_hits;
  statistics_.batch.cache_hits += result.known_hits;
  const PlayerParams& player = mover();
  const auto ply = static_cast<int>(record_.history.size());
  const SearchParams& search = fast_ ? pool_.fast_search_ : player.search;
  // Gumbel's draw of the best move is a sample of the improved policy already.
  const bool drawn =
      search.selection == Selection::kGumbel && search.gumbel_scale > 0.0;
  const double temperature = drawn ? 0.0
                             : ply < player.temperature_plies
                                 ? player.temperature
                                 : player.final_temperature;
  const std::vector<double> policy = result.Policy(temperature);
  const Action action = result.actions[rng_.Categorical(policy)];
  if (pool_.openings_.empty()) {
    if (record_.seats[result.player] == 0 && !fast_) Record(result);
    if (Resigns(result)) {
      record_.resigned = true;
      ++statistics_.resignations;
      std::vector<double> returns(2, 1.0);
      returns[result.player] = -1.0;
      Finish(std::move(returns));
      return;
    }
  }
  Apply(action);
}

void GameSlot::Record(const SearchResult& result) {
  const size_t num_actions = pool_.game_->NumDistinctActions();
  const size_t num_players = result.values.size();
  record_.plies.push_back(static_cast<int32_t>(record_.history.size()));
  record_.players.push_back(static_cast<int8_t>(result.player));
  const size_t row = record_.policy.size();
  record_.policy.resize(row + num_actions, 0.0f);
  for (size_t i = 0; i < result.actions.size(); ++i) {
    record_.policy[row + result.actions[i]] =
        static_cast<float>(result.target[i]);
  }
  Encode(*state_, Past(*pool_.evaluators_[0]), result.player);
  const size_t decision = record_.paid.size() - num_players;
  for (size_t k = 0; k < num_players; ++k) {
    record_.root_values.push_back(
        static_cast<float>(result.values[(result.player + k) % num_players]) -
        record_.paid[decision + k]);
  }
  ++statistics_.positions;
}

bool GameSlot::Resigns(const SearchResult& result) {
  const SelfPlayParams& params = pool_.selfplay_;
  if (!pool_.can_resign_ || params.resign_threshold <= 0.0) return false;
  int32_t& hopeless = record_.hopeless[result.player];
  const bool bad = result.values[result.player] < -params.resign_threshold;
  hopeless = bad ? hopeless + 1 : 0;
  if (hopeless < params.resign_plies) return false;
  if (!record_.check_resignation) return true;
  if (record_.would_resign < 0) record_.would_resign = result.player;
  return false;
}

void GameSlot::Finish(std::vector<double> returns) {
  if (record_.would_resign >= 0) {
    ++statistics_.resignation_checks;
    if (returns[record_.would_resign] >= 0.0) ++statistics_.resignation_errors;
  }
  ++statistics_.games;
  record_.returns = std::move(returns);
  finished_.push_back(std::exchange(record_, GameRecord()));
  state_.reset();
  DropTrees();
}

std::vector<const State*> GameSlot::Past(const Evaluator& evaluator) const {
  std::vector<const State*> past;
  if (evaluator.encoder() == nullptr) return past;
  const auto depth = static_cast<size_t>(evaluator.encoder()->history_depth());
  const size_t first = past_.size() - std::min(past_.size(), depth);
  for (size_t i = first; i < past_.size(); ++i) past.push_back(past_[i].get());
  return past;
}

void GameSlot::Encode(const State& state, const std::vector<const State*>& past,
                      Player player) {
  const size_t num_actions = pool_.game_->NumDistinctActions();
  const size_t mask_row = record_.legal_mask.size();
  record_.legal_mask.resize(mask_row + num_actions, 0);
  for (Action action : LegalActions(state)) {
    record_.legal_mask[mask_row + action] = 1;
  }
  const size_t num_players = pool_.game_->NumPlayers();
  std::vector<double> paid(num_players, 0.0);
  if (PaysOnTheWay(*pool_.game_)) paid = Returns(state);
  const double scale = pool_.evaluators_[0]->value_scale();
  for (size_t k = 0; k < num_players; ++k) {
    record_.paid.push_back(
        static_cast<float>(paid[(player + k) % num_players] / scale));
  }
  const EncoderPtr& encoder = pool_.evaluators_[0]->encoder();
  if (encoder == nullptr) return;
  const size_t size = encoder->size();
  const size_t row = record_.inputs.size();
  record_.inputs.resize(row + size);
  std::vector<const State*> recent = past;
  recent.push_back(&state);
  encoder->encode(recent, player, std::span(record_.inputs).subspan(row, size));
}

}  // namespace tesuji
