/// Finite Markov decision processes as immutable values: outcomes of each action, a start distribution, a discount.
namespace Rl.Core.Tabular

open System
open Rl.Core.Foundations

/// One thing that may happen after an action.
[<Struct>]
type Outcome =
    {
        /// How likely it is, given the state and the action.
        Probability: float
        /// The state that follows.
        Next: int
        /// The reward on the way.
        Reward: float
        /// Whether the episode ends with it, so that nothing that follows counts.
        Terminates: bool
    }

/// A finite Markov decision process (S, A, P, R, γ, p(s₁)). Each pair of a state and an action has a list of outcomes,
/// so that a reward may depend on what follows and a transition may terminate. A state that every action leads back to
/// for reward 0 is absorbing, which ends the episode as well. Made by the functions of `module Mdp`, which validate.
[<Sealed>]
type Mdp internal (states: int, actions: int, discount: float, start: float[], offsets: int[], outcomes: Outcome[]) =

    let rewards =
        Array.init (states * actions) (fun pair ->
            let mutable total = 0.0

            for index in offsets[pair] .. offsets[pair + 1] - 1 do
                total <- total + outcomes[index].Probability * outcomes[index].Reward

            total)

    let absorbing =
        Array.init states (fun state ->
            Seq.forall
                (fun index ->
                    let outcome = outcomes[index]
                    outcome.Probability = 0.0 || outcome.Next = state && outcome.Reward = 0.0)
                (seq { offsets[state * actions] .. offsets[(state + 1) * actions] - 1 }))

    // What backups read: γ P where the episode goes on and 0 where it ends, and the states that follow, side by side.
    let weights =
        outcomes
        |> Array.map (fun outcome ->
            if outcome.Terminates || absorbing[outcome.Next] then
                0.0
            else
                discount * outcome.Probability)

    let nexts = outcomes |> Array.map _.Next

    /// The number of states S; they are 0 … S − 1.
    member _.States = states
    /// The number of actions A; they are 0 … A − 1, the same in every state.
    member _.Actions = actions
    /// γ ∈ [0, 1].
    member _.Discount = discount
    /// p(s₁) [S].
    member _.Start = ReadOnlyMemory start
    /// The reward r(s, a) that is expected of an action.
    member _.ExpectedReward(state: int, action: int) = rewards[state * actions + action]
    /// Whether every action leads from the state back to it for reward 0.
    member _.IsAbsorbing(state: int) = absorbing[state]

    /// What may follow an action, in the order of construction.
    member _.Outcomes(state: int, action: int) : ReadOnlySpan<Outcome> =
        let pair = state * actions + action
        ReadOnlySpan(outcomes, offsets[pair], offsets[pair + 1] - offsets[pair])

    /// Whether the episode goes on after an outcome: it does not terminate, and its next state is not absorbing.
    member _.Continues(outcome: Outcome) = not outcome.Terminates && not absorbing[outcome.Next]

    member internal _.StartArray = start
    member internal _.Offsets = offsets
    member internal _.Table = outcomes
    member internal _.Rewards = rewards
    member internal _.Weights = weights
    member internal _.Nexts = nexts

/// Construction of decision processes, and what follows from one without a policy.
[<RequireQualifiedAccess>]
module Mdp =

    let private validate discount (start: float[]) (outcomes: Outcome[][][]) =
        Guard.inRange (nameof discount) 0.0 1.0 discount
        Guard.notEmpty (nameof outcomes) outcomes.Length
        Guard.notEmpty $"{nameof outcomes}[0]" outcomes[0].Length
        Guard.length (nameof start) outcomes.Length start.Length
        Guard.probabilities (nameof start) (nameof start) start
        let states, actions = outcomes.Length, outcomes[0].Length

        outcomes
        |> Array.iteri (fun state ofState ->
            if ofState.Length <> actions then
                Guard.fail
                    (nameof outcomes)
                    ($"State {state} has {ofState.Length} actions and state 0 has {actions}; give every state the "
                     + "same number of actions.")

            ofState
            |> Array.iteri (fun action list ->
                let where = $"outcomes[{state}][{action}]"
                Guard.probabilities (nameof outcomes) where (list |> Array.map _.Probability)

                list
                |> Array.iteri (fun index outcome ->
                    if outcome.Next < 0 || outcome.Next >= states then
                        Guard.fail
                            (nameof outcomes)
                            $"{where}[{index}] leads to the state {outcome.Next}; states are 0 to {states - 1}."

                    if not (Double.IsFinite outcome.Reward) then
                        Guard.fail
                            (nameof outcomes)
                            $"{where}[{index}] has the reward {outcome.Reward}; it must be a finite number.")))

    /// From the outcomes of every state and action, [S][A][…], the start distribution [S] and γ ∈ [0, 1]. Fails if
    /// probabilities do not sum to 1 or are negative, numbers are not finite, or a next state does not exist.
    let ofOutcomes (discount: float) (start: float[]) (outcomes: Outcome[][][]) : Mdp =
        Guard.notNull (nameof start) start
        Guard.notNull (nameof outcomes) outcomes
        validate discount start outcomes
        let lists = Array.concat outcomes
        let offsets = Array.scan (fun offset (list: Outcome[]) -> offset + list.Length) 0 lists
        Mdp(outcomes.Length, outcomes[0].Length, discount, Array.copy start, offsets, Array.concat lists)

    /// From P(s′|s, a) [S][A][S] and R(s, a, s′) [S][A][S]; transitions of probability 0 are dropped. `terminal` [S]
    /// says which states end the episode when they are entered.
    let ofTransitionRewards
        (discount: float)
        (start: float[])
        (terminal: bool[])
        (transitions: float[][][])
        (rewards: float[][][])
        : Mdp =
        let states = transitions.Length
        Guard.notEmpty (nameof transitions) states
        Guard.length (nameof rewards) states rewards.Length
        Guard.length (nameof terminal) states terminal.Length

        transitions
        |> Array.mapi (fun state ofState ->
            let paidInState = rewards[state]
            Guard.length $"rewards[{state}]" ofState.Length paidInState.Length

            ofState
            |> Array.mapi (fun action row ->
                let where = $"transitions[{state}][{action}]"
                Guard.length where states row.Length
                Guard.probabilities (nameof transitions) where row
                let paid = paidInState[action]
                Guard.length $"rewards[{state}][{action}]" states paid.Length
                Guard.finiteElements $"rewards[{state}][{action}]" paid

                [|
                    for next in 0 .. states - 1 do
                        if row[next] > 0.0 then
                            { Probability = row[next]; Next = next; Reward = paid[next]; Terminates = terminal[next] }
                |]))
        |> ofOutcomes discount start

    /// From P(s′|s, a) [S][A][S] and r(s, a) [S][A]; nothing terminates, but states may be absorbing.
    let create (discount: float) (start: float[]) (transitions: float[][][]) (rewards: float[][]) : Mdp =
        let states = transitions.Length
        Guard.length (nameof rewards) states rewards.Length

        rewards
        |> Array.map (Array.map (Array.create states))
        |> ofTransitionRewards discount start (Array.create states false) transitions

    let private copy discount start outcomes (mdp: Mdp) =
        Mdp(mdp.States, mdp.Actions, discount, start, mdp.Offsets, outcomes)

    /// The same process with another γ ∈ [0, 1].
    let withDiscount (discount: float) (mdp: Mdp) =
        Guard.inRange (nameof discount) 0.0 1.0 discount
        copy discount mdp.StartArray mdp.Table mdp

    /// The same process from another start distribution [S].
    let withStart (start: float[]) (mdp: Mdp) =
        Guard.length (nameof start) mdp.States start.Length
        Guard.probabilities (nameof start) (nameof start) start
        copy mdp.Discount (Array.copy start) mdp.Table mdp

    /// The same dynamics with the reward f(s, a, outcome).
    let withRewards (f: int -> int -> Outcome -> float) (mdp: Mdp) =
        let outcomes =
            Array.init (mdp.States * mdp.Actions) (fun pair ->
                Array.init (mdp.Offsets[pair + 1] - mdp.Offsets[pair]) (fun index ->
                    let outcome = mdp.Table[mdp.Offsets[pair] + index]
                    let reward = f (pair / mdp.Actions) (pair % mdp.Actions) outcome

                    if not (Double.IsFinite reward) then
                        Guard.fail (nameof f) $"f returned {reward} for pair {pair}; rewards must be finite numbers."

                    { outcome with Reward = reward }))
            |> Array.concat

        copy mdp.Discount mdp.StartArray outcomes mdp

    /// The continuing process in which every outcome that terminates leads to a new start instead: episodes follow one
    /// another, as the average-reward form needs.
    let restarting (mdp: Mdp) : Mdp =
        let starts = [| for state in 0 .. mdp.States - 1 -> struct (state, mdp.StartArray[state]) |]

        Array.init mdp.States (fun state ->
            Array.init mdp.Actions (fun action ->
                mdp.Outcomes(state, action).ToArray()
                |> Array.collect (fun outcome ->
                    if mdp.Continues outcome then
                        [| outcome |]
                    else
                        [|
                            for struct (start, probability) in starts do
                                if probability > 0.0 then
                                    { outcome with
                                        Next = start
                                        Probability = outcome.Probability * probability
                                        Terminates = false
                                    }
                        |])))
        |> ofOutcomes mdp.Discount mdp.StartArray

    /// Σ P(outcome|s, a) (r + γ V(s′) where the episode goes on): the value of one action, given the values V [S] of
    /// the states.
    let lookAhead (mdp: Mdp) (values: float[]) (state: int) (action: int) : float =
        let pair = state * mdp.Actions + action
        let weights, nexts = mdp.Weights, mdp.Nexts
        let mutable total = mdp.Rewards[pair]

        for index in mdp.Offsets[pair] .. mdp.Offsets[pair + 1] - 1 do
            total <- total + weights[index] * values[nexts[index]]

        total

    /// Q(s, a) = r(s, a) + γ Σ P(s′|s, a) V(s′), [S, A] row-major, of values V [S].
    let actionValues (mdp: Mdp) (values: float[]) : float[] =
        Guard.length (nameof values) mdp.States values.Length

        let weights, nexts, offsets = mdp.Weights, mdp.Nexts, mdp.Offsets
        let result = Array.copy mdp.Rewards

        // One loop over all pairs: planners spend their time here.
        for pair in 0 .. result.Length - 1 do
            let mutable total = result[pair]

            for index in offsets[pair] .. offsets[pair + 1] - 1 do
                total <- total + weights[index] * values[nexts[index]]

            result[pair] <- total

        result

    /// P(s′|s, a) as [S·A, S] row-major: all outcomes that lead to s′.
    let transitions (mdp: Mdp) : float[] =
        let matrix = Array.zeroCreate (mdp.States * mdp.Actions * mdp.States)

        for pair in 0 .. mdp.States * mdp.Actions - 1 do
            for index in mdp.Offsets[pair] .. mdp.Offsets[pair + 1] - 1 do
                let at = pair * mdp.States + mdp.Table[index].Next
                matrix[at] <- matrix[at] + mdp.Table[index].Probability

        matrix

    /// P(s′ and the episode goes on|s, a) as [S·A, S] row-major; rows may sum to less than 1.
    let continuations (mdp: Mdp) : float[] =
        let matrix = Array.zeroCreate (mdp.States * mdp.Actions * mdp.States)

        for pair in 0 .. mdp.States * mdp.Actions - 1 do
            for index in mdp.Offsets[pair] .. mdp.Offsets[pair + 1] - 1 do
                let outcome = mdp.Table[index]

                if mdp.Continues outcome then
                    let at = pair * mdp.States + outcome.Next
                    matrix[at] <- matrix[at] + outcome.Probability

        matrix

    /// r(s, a) [S, A] row-major.
    let expectedRewards (mdp: Mdp) : float[] =
        Array.init (mdp.States * mdp.Actions) (fun pair -> mdp.ExpectedReward(pair / mdp.Actions, pair % mdp.Actions))

    /// Draws what follows an action: struct (outcome, generator), the first outcome whose cumulative probability
    /// exceeds a uniform number.
    let sample (mdp: Mdp) (state: int) (action: int) (rng: Rng) : struct (int * Outcome * Rng) =
        let struct (uniform, rng) = Rng.uniform rng
        let pair = state * mdp.Actions + action
        let first, last = mdp.Offsets[pair], mdp.Offsets[pair + 1] - 1
        let mutable index = first
        let mutable cumulative = mdp.Table[first].Probability

        while cumulative <= uniform && index < last do
            index <- index + 1
            cumulative <- cumulative + mdp.Table[index].Probability

        // Where rounding leaves the sum a little below 1, the last of what is possible.
        while mdp.Table[index].Probability = 0.0 && index > first do
            index <- index - 1

        struct (index - first, mdp.Table[index], rng)

    /// Draws an index with the given probabilities, by the same rule.
    let internal draw (probabilities: ReadOnlySpan<float>) (rng: Rng) : struct (int * Rng) =
        let struct (uniform, rng) = Rng.uniform rng
        let mutable index = 0
        let mutable cumulative = probabilities[0]

        while cumulative <= uniform && index < probabilities.Length - 1 do
            index <- index + 1
            cumulative <- cumulative + probabilities[index]

        while probabilities[index] = 0.0 && index > 0 do
            index <- index - 1

        struct (index, rng)

    /// Draws a first state.
    let sampleStart (mdp: Mdp) (rng: Rng) : struct (int * Rng) = draw (ReadOnlySpan mdp.StartArray) rng
