/// One step of experience in a finite process, and how a learner collects it.
namespace Rl.Core.Tabular

open Rl.Core.Foundations

/// (s, a, r, γ, s′): what a tabular learner sees of one step.
[<Struct>]
type Transition =
    {
        /// s
        State: int
        /// a
        Action: int
        /// r
        Reward: float
        /// The discount of what follows: γ, and 0 where the step ended the episode. A step that was cut keeps γ.
        Discount: float
        /// s′
        Next: int
        /// How often it counts: 1 for a sample, its probability in an exact expectation.
        Weight: float
        /// Whether the next transition belongs to another episode, because this one ended or was cut: eligibilities
        /// stop here.
        IsLast: bool
    }

/// Experience from a process.
[<RequireQualifiedAccess>]
module Transition =

    let private ofOutcome (mdp: Mdp) state action weight isCut (outcome: Outcome) =
        {
            State = state
            Action = action
            Reward = outcome.Reward
            Discount = if mdp.Continues outcome then mdp.Discount else 0.0
            Next = outcome.Next
            Weight = weight
            IsLast = isCut || not (mdp.Continues outcome)
        }

    /// Requires a transition between two of `states` states with a finite reward and a discount in [0, 1].
    let internal requireStates (states: int) (transition: Transition) : unit =
        Guard.inIntRange (nameof transition.State) 0 (states - 1) transition.State
        Guard.inIntRange (nameof transition.Next) 0 (states - 1) transition.Next
        Guard.finite (nameof transition.Reward) transition.Reward
        Guard.inRange (nameof transition.Discount) 0.0 1.0 transition.Discount

    /// All that may follow a pair, each weighted with its probability: sums over them are exact expectations.
    let expected (mdp: Mdp) (state: int) (action: int) : Transition[] =
        mdp.Outcomes(state, action).ToArray()
        |> Array.map (fun outcome -> ofOutcome mdp state action outcome.Probability false outcome)

    /// Draws what follows a pair: struct (transition, generator).
    let sample (mdp: Mdp) (state: int) (action: int) (rng: Rng) : struct (Transition * Rng) =
        let struct (_, outcome, rng) = Mdp.sample mdp state action rng
        struct (ofOutcome mdp state action 1.0 false outcome, rng)

    /// The steps of a trajectory, the last of which is the last of its episode.
    let ofTrajectory (mdp: Mdp) (trajectory: Trajectory) : Transition[] =
        trajectory.Actions
        |> Array.mapi (fun time action ->
            let outcomes = mdp.Outcomes(trajectory.States[time], action)
            let isCut = time = trajectory.Actions.Length - 1
            ofOutcome mdp trajectory.States[time] action 1.0 isCut outcomes[trajectory.Outcomes[time]])

    /// Lets a learner act for `steps` steps, a new episode starting wherever one ends or reaches `maxEpisodeSteps`:
    /// `act` chooses from the learner's state, `learn` takes in each transition. Returns struct (learner, generator).
    let interact
        (mdp: Mdp)
        (maxEpisodeSteps: int)
        (act: 'Learner -> int -> Rng -> struct (int * Rng))
        (learn: 'Learner -> Transition -> Rng -> struct ('Learner * Rng))
        (steps: int)
        (learner: 'Learner)
        (rng: Rng)
        : struct ('Learner * Rng) =
        Guard.positive (nameof maxEpisodeSteps) maxEpisodeSteps
        Guard.notNegative (nameof steps) steps
        let struct (start, rng) = Mdp.sampleStart mdp rng
        let mutable rng = rng
        let mutable state = start
        let mutable learner = learner
        let mutable length = 0

        for _ in 1..steps do
            let struct (action, next) = act learner state rng
            let struct (_, outcome, next) = Mdp.sample mdp state action next
            length <- length + 1
            let transition = ofOutcome mdp state action 1.0 (length = maxEpisodeSteps) outcome
            let struct (learned, next) = learn learner transition next
            learner <- learned

            if transition.IsLast then
                let struct (start, next) = Mdp.sampleStart mdp next
                state <- start
                length <- 0
                rng <- next
            else
                state <- outcome.Next
                rng <- next

        struct (learner, rng)
