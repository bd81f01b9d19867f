/// The distribution of trajectories p(τ|θ): all of them with their probabilities, one sampled, many side by side.
namespace Rl.Core.Tabular

open System.Collections.Generic
open Rl.Core.Foundations

/// s₁ a₁ r₁ s₂ … of T steps.
type Trajectory =
    {
        /// [T + 1], the last being the state after the last step.
        States: int[]
        /// [T]
        Actions: int[]
        /// Which of the outcomes of (sₜ, aₜ) happened, [T].
        Outcomes: int[]
        /// [T]
        Rewards: float[]
        /// Whether the last step ended the episode; otherwise it was cut.
        Terminated: bool
    }

/// A trajectory with its probability.
[<Struct>]
type WeightedTrajectory =
    {
        Trajectory: Trajectory
        /// p(τ|θ)
        Probability: float
    }

/// N trajectories side by side, arrays time-major [T, N], as the functions of `Returns` take them. Steps after the end
/// of a shorter trajectory have mask, reward and discount 0 and repeat its last state.
type TrajectoryBatch =
    {
        /// T, that of the longest.
        Steps: int
        /// N
        Count: int
        /// sₜ
        States: int[]
        /// sₜ₊₁
        NextStates: int[]
        /// aₜ
        Actions: int[]
        /// rₜ
        Rewards: float[]
        /// γ, and 0 where the step ended the episode.
        Discounts: float[]
        /// 1 inside the trajectory, 0 after its end.
        Mask: float[]
    }

/// Enumeration, probabilities and sampling (lecture, equation 1, slide 6).
[<RequireQualifiedAccess>]
module Trajectories =

    let private outcomeOf (mdp: Mdp) state action index = mdp.Table[mdp.Offsets[state * mdp.Actions + action] + index]

    let private outcomeCount (mdp: Mdp) state action =
        let pair = state * mdp.Actions + action
        mdp.Offsets[pair + 1] - mdp.Offsets[pair]

    /// How many trajectories of at most `horizon` steps start in states of positive probability.
    let count (mdp: Mdp) (horizon: int) : float =
        Guard.positive (nameof horizon) horizon
        let mutable ahead = Array.create mdp.States 1.0

        for _ in 1..horizon do
            ahead <-
                Array.init mdp.States (fun state ->
                    let mutable total = 0.0

                    for index in mdp.Offsets[state * mdp.Actions] .. mdp.Offsets[(state + 1) * mdp.Actions] - 1 do
                        let outcome = mdp.Table[index]

                        if outcome.Probability > 0.0 then
                            total <- total + (if mdp.Continues outcome then ahead[outcome.Next] else 1.0)

                    total)

        let mutable total = 0.0

        for state in 0 .. mdp.States - 1 do
            if mdp.StartArray[state] > 0.0 then total <- total + ahead[state]

        total

    /// The most trajectories that `enumerate` makes.
    [<Literal>]
    let MaxEnumerated = 1e6

    /// Every trajectory of at most `horizon` steps that the process and the policy can produce, with p(τ|θ) > 0; the
    /// probabilities sum to 1. Fails if there may be more than 10⁶.
    let enumerate (mdp: Mdp) (policy: TabularPolicy) (horizon: int) : WeightedTrajectory[] =
        TabularPolicy.requireFor mdp policy
        let expected = count mdp horizon

        if expected > MaxEnumerated then
            Guard.fail
                (nameof horizon)
                ($"{horizon} steps make up to {expected:G3} trajectories; at most {MaxEnumerated} are enumerated: "
                 + "shorten the horizon or sample.")

        let all = List<WeightedTrajectory>()
        let states, actions = Array.zeroCreate (horizon + 1), Array.zeroCreate horizon
        let outcomes, rewards = Array.zeroCreate horizon, Array.zeroCreate horizon

        let finish length terminated probability =
            all.Add
                {
                    Trajectory =
                        {
                            States = Array.sub states 0 (length + 1)
                            Actions = Array.sub actions 0 length
                            Outcomes = Array.sub outcomes 0 length
                            Rewards = Array.sub rewards 0 length
                            Terminated = terminated
                        }
                    Probability = probability
                }

        let rec walk time probability =
            if time = horizon then
                finish time false probability
            else
                let state = states[time]

                for action in 0 .. mdp.Actions - 1 do
                    for index in 0 .. outcomeCount mdp state action - 1 do
                        let outcome = outcomeOf mdp state action index
                        let probability = probability * policy[state, action] * outcome.Probability

                        if probability > 0.0 then
                            actions[time] <- action
                            outcomes[time] <- index
                            rewards[time] <- outcome.Reward
                            states[time + 1] <- outcome.Next

                            if mdp.Continues outcome then
                                walk (time + 1) probability
                            else
                                finish (time + 1) true probability

        for state in 0 .. mdp.States - 1 do
            if mdp.StartArray[state] > 0.0 then
                states[0] <- state
                walk 0 mdp.StartArray[state]

        all.ToArray()

    let private fold (mdp: Mdp) (policy: TabularPolicy) (trajectory: Trajectory) combine (initial: float) =
        TabularPolicy.requireFor mdp policy
        let mutable total = initial

        for time in 0 .. trajectory.Actions.Length - 1 do
            let state, action = trajectory.States[time], trajectory.Actions[time]
            let outcome = outcomeOf mdp state action trajectory.Outcomes[time]
            total <- combine total policy[state, action] outcome.Probability

        total

    /// p(τ|θ) = p(s₁) Π π(aₜ|sₜ) p(sₜ₊₁, rₜ|sₜ, aₜ).
    let probability (mdp: Mdp) (policy: TabularPolicy) (trajectory: Trajectory) : float =
        fold
            mdp
            policy
            trajectory
            (fun total chosen followed -> total * chosen * followed)
            mdp.StartArray[trajectory.States[0]]

    /// log p(τ|θ), as a sum.
    let logProbability (mdp: Mdp) (policy: TabularPolicy) (trajectory: Trajectory) : float =
        fold
            mdp
            policy
            trajectory
            (fun total chosen followed -> total + log chosen + log followed)
            (log mdp.StartArray[trajectory.States[0]])

    /// R(τ) = Σ γᵗ rₜ.
    let discountedReturn (discount: float) (trajectory: Trajectory) : float =
        Array.foldBack (fun reward rest -> reward + discount * rest) trajectory.Rewards 0.0

    /// One trajectory of at most `horizon` steps: struct (trajectory, generator).
    let sample (mdp: Mdp) (policy: TabularPolicy) (horizon: int) (rng: Rng) : struct (Trajectory * Rng) =
        Guard.positive (nameof horizon) horizon
        TabularPolicy.requireFor mdp policy
        let struct (start, rng) = Mdp.sampleStart mdp rng
        let states, actions = List<int>([ start ]), List<int>()
        let outcomes, rewards = List<int>(), List<float>()
        let mutable rng = rng
        let mutable terminated = false

        while not terminated && actions.Count < horizon do
            let state = states[states.Count - 1]
            let struct (action, next) = TabularPolicy.sample policy state rng
            let struct (index, outcome, next) = Mdp.sample mdp state action next
            rng <- next
            actions.Add action
            outcomes.Add index
            rewards.Add outcome.Reward
            states.Add outcome.Next
            terminated <- not (mdp.Continues outcome)

        struct ({
                    States = states.ToArray()
                    Actions = actions.ToArray()
                    Outcomes = outcomes.ToArray()
                    Rewards = rewards.ToArray()
                    Terminated = terminated
                },
                rng)

    /// Trajectories side by side, in the form that `Returns` takes.
    let batch (discount: float) (trajectories: Trajectory[]) : TrajectoryBatch =
        Guard.notEmpty (nameof trajectories) trajectories.Length
        let count = trajectories.Length
        let steps = trajectories |> Array.map _.Actions.Length |> Array.max

        let tabulate inside after =
            Array.init (steps * count) (fun at ->
                let trajectory = trajectories[at % count]
                let time = at / count

                if time < trajectory.Actions.Length then
                    inside trajectory time
                else
                    after trajectory)

        let last (trajectory: Trajectory) = trajectory.States[trajectory.Actions.Length]

        {
            Steps = steps
            Count = count
            States = tabulate (fun trajectory time -> trajectory.States[time]) last
            NextStates = tabulate (fun trajectory time -> trajectory.States[time + 1]) last
            Actions = tabulate (fun trajectory time -> trajectory.Actions[time]) (fun _ -> 0)
            Rewards = tabulate (fun trajectory time -> trajectory.Rewards[time]) (fun _ -> 0.0)
            Discounts =
                tabulate
                    (fun trajectory time ->
                        let ends = trajectory.Terminated && time = trajectory.Actions.Length - 1
                        if ends then 0.0 else discount)
                    (fun _ -> 0.0)
            Mask = tabulate (fun _ _ -> 1.0) (fun _ -> 0.0)
        }
