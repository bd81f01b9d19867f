/// Control on a table of action values: Sarsa, expected Sarsa, Q-learning, double Q-learning, R-learning.
namespace Rl.Core.Tabular

open System
open Rl.Core.Foundations

/// Two tables of action values, each judging the other's choice.
type DoubleTable = { First: float[]; Second: float[] }

/// Differential action values with the average reward that they are relative to.
type AverageTable = { Values: float[]; AverageReward: float }

/// Tables Q are [S, A] row-major; each function returns a new one. Source: Sutton and Barto (2018), chapter 6; slide
/// 21.
[<RequireQualifiedAccess>]
module TabularControl =

    let private pair actions (transition: Transition) = transition.State * actions + transition.Action

    /// Requires a transition that a table of so many actions a state has room for.
    let private require actions (table: float[]) (transition: Transition) =
        Guard.positive (nameof actions) actions
        Transition.requireStates (table.Length / actions) transition
        Guard.inIntRange (nameof transition.Action) 0 (actions - 1) transition.Action

    /// The first action of the largest value in a state.
    let greedyAction (actions: int) (table: float[]) (state: int) : int =
        let mutable best = 0

        for action in 1 .. actions - 1 do
            if table[state * actions + action] > table[state * actions + best] then
                best <- action

        best

    /// max over a of Q(s, a).
    let maximum (actions: int) (table: float[]) (state: int) : float =
        table[state * actions + greedyAction actions table state]

    /// Draws the greedy action with the probability 1 − ε and any with ε.
    let epsilonGreedy (epsilon: float) (actions: int) (table: float[]) (state: int) (rng: Rng) : struct (int * Rng) =
        Guard.inRange (nameof epsilon) 0.0 1.0 epsilon
        let struct (explore, rng) = Rng.bernoulli epsilon rng

        if explore then
            Rng.below actions rng
        else
            struct (greedyAction actions table state, rng)

    /// Sarsa: Q(s, a) moves towards r + γ Q(s′, a′) with the next action taken (Rummery and Niranjan 1994).
    let sarsa (stepSize: float) (actions: int) (table: float[]) (transition: Transition) (nextAction: int) : float[] =
        require actions table transition
        Guard.inIntRange (nameof nextAction) 0 (actions - 1) nextAction
        let target = transition.Reward + transition.Discount * table[transition.Next * actions + nextAction]
        Tabular.toward stepSize (pair actions transition) target table

    /// Expected Sarsa: towards r + γ Σ π(b|s′) Q(s′, b), with π(·|s′) [A] (Van Seijen et al. 2009).
    let expectedSarsa (stepSize: float) (nextPolicy: float[]) (table: float[]) (transition: Transition) : float[] =
        let actions = nextPolicy.Length
        Guard.probabilities (nameof nextPolicy) (nameof nextPolicy) nextPolicy
        require actions table transition
        let mutable value = 0.0

        for action in 0 .. actions - 1 do
            value <- value + nextPolicy[action] * table[transition.Next * actions + action]

        Tabular.toward stepSize (pair actions transition) (transition.Reward + transition.Discount * value) table

    /// Q-learning: towards r + γ max Q(s′, ·) (Watkins 1989; slide 21).
    let qLearning (stepSize: float) (actions: int) (table: float[]) (transition: Transition) : float[] =
        require actions table transition
        let target = transition.Reward + transition.Discount * maximum actions table transition.Next
        Tabular.toward stepSize (pair actions transition) target table

    /// Two tables of zeros.
    let doubleTable (states: int) (actions: int) : DoubleTable =
        Guard.positive (nameof states) states
        Guard.positive (nameof actions) actions
        { First = Array.zeroCreate (states * actions); Second = Array.zeroCreate (states * actions) }

    /// Double Q-learning of the first table (`first`) or the second: towards r + γ Q_other(s′, argmax Q_own(s′, ·)), so
    /// that the noise of the choice is not that of the judgement (Van Hasselt 2010).
    let doubleQOf
        (first: bool)
        (stepSize: float)
        (actions: int)
        (tables: DoubleTable)
        (transition: Transition)
        : DoubleTable =
        let struct (own, other) =
            if first then
                struct (tables.First, tables.Second)
            else
                struct (tables.Second, tables.First)

        require actions own transition
        let judged = other[transition.Next * actions + greedyAction actions own transition.Next]
        let target = transition.Reward + transition.Discount * judged
        let moved = Tabular.toward stepSize (pair actions transition) target own
        if first then { tables with First = moved } else { tables with Second = moved }

    /// Double Q-learning of a table that a fair coin chooses.
    let doubleQ
        (stepSize: float)
        (actions: int)
        (tables: DoubleTable)
        (transition: Transition)
        (rng: Rng)
        : struct (DoubleTable * Rng) =
        let struct (first, rng) = Rng.bernoulli 0.5 rng
        struct (doubleQOf first stepSize actions tables transition, rng)

    /// Differential values of zeros.
    let averageTable (states: int) (actions: int) : AverageTable =
        Guard.positive (nameof states) states
        Guard.positive (nameof actions) actions
        { Values = Array.zeroCreate (states * actions); AverageReward = 0.0 }

    /// R-learning for continuing processes: Q(s, a) moves towards r − ρ + max Q(s′, ·) and, where a is greedy, ρ by
    /// β (r − ρ + max Q(s′, ·) − max Q(s, ·)), both of before the step. The discount is not used. Source: Schwartz, "A
    /// reinforcement learning method for maximizing undiscounted rewards" (1993).
    let rLearning
        (stepSize: float)
        (averageStepSize: float)
        (actions: int)
        (table: AverageTable)
        (transition: Transition)
        : AverageTable =
        Guard.inRange (nameof averageStepSize) 0.0 1.0 averageStepSize
        require actions table.Values transition
        let here = maximum actions table.Values transition.State
        let target = transition.Reward - table.AverageReward + maximum actions table.Values transition.Next
        let greedy = table.Values[pair actions transition] = here

        {
            Values = Tabular.toward stepSize (pair actions transition) target table.Values
            AverageReward =
                if greedy then
                    table.AverageReward + averageStepSize * (target - here)
                else
                    table.AverageReward
        }
