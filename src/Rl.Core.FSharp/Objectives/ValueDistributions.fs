/// Learning the distribution of returns: categorical (C51), quantile and implicit quantile, and distances between
/// distributions.
namespace Rl.Core.Objectives

open System
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Networks

/// Categorical distributions have K atoms z (increasing) and logits [..., K]; quantile ones K locations θ [..., K] at
/// levels τ [..., K]. Losses are [...]; their derivatives flow into the prediction alone.
[<RequireQualifiedAccess>]
module ValueDistributions =

    let private column (x: Expr) = Expr.expandAxis -1 x

    /// The Cramér projection of a distribution with atoms z′ [..., J] and probabilities p [..., J] onto atoms z [...,
    /// K]: each p goes to the two neighbours of its (clipped) place in proportion to nearness; result [..., K]
    /// (Bellemare, Dabney and Munos 2017, equation 7).
    let project (fromAtoms: Expr) (probabilities: Expr) (atoms: Expr) : Expr =
        let count = if atoms.Rank = 0 then 0 else atoms.Shape[atoms.Rank - 1]

        if count < 2 then
            Guard.fail
                (nameof atoms)
                $"atoms have shape {Shape.print atoms.Shape}; the last axis must hold at least two."

        let part start stop = Expr.slice -1 start stop atoms
        let lowest, highest = part 0 1, part (count - 1) count
        let notBelow = Expr.select (Expr.less fromAtoms lowest) lowest fromAtoms
        let place = Expr.select (Expr.less highest notBelow) highest notBelow |> Expr.expandAxis -2
        // 1/(distance to the neighbour), 0 at the ends and between equal atoms.
        let gap = part 1 count - part 0 (count - 1)
        let positive = Expr.greater gap (Expr.number 0.0)
        let slope = Expr.select positive (1.0 / Expr.select positive gap (Expr.number 1.0)) (Expr.number 0.0)
        let above, below = column (Expr.pad -1 0 1 slope), column (Expr.pad -1 1 0 slope)
        let distance = place - column atoms
        let isAbove = Expr.greaterOrEqual distance (Expr.number 0.0)
        // An atom has a share from its lower neighbour up to, but not at, its upper one: at an atom only the shares of
        // it and of the next one change with the place, by opposite amounts.
        let endless value = Expr.full (Array.append lowest.Shape[.. lowest.Rank - 2] [| 1 |]) value
        let previous = Expr.concat -1 [ endless -infinity; part 0 (count - 1) ]
        let next = Expr.concat -1 [ part 1 count; endless infinity ]
        let isOutside = Expr.less place (column previous) + Expr.greaterOrEqual place (column next)
        let near = 1.0 - Expr.select isAbove (distance * above) (-(distance * below))
        let share = Expr.select isOutside (Expr.number 0.0) near
        Expr.sumOver [| -1 |] (share * Expr.expandAxis -2 probabilities)

    /// `project` onto `count` atoms at equal distances from `low` to `high`, with work proportional to J instead of
    /// J·K: each p is added at the two atoms that its place lies between. A NaN among z′ makes the row's result NaN.
    /// count ≥ 2, low < high; derivatives flow into p alone (Bellemare, Dabney and Munos 2017, algorithm 1).
    let projectEvenly (low: float) (high: float) (count: int) (fromAtoms: Expr) (probabilities: Expr) : Expr =
        Guard.inIntRange (nameof count) 2 Int32.MaxValue count

        if not (low < high && Double.IsFinite(high - low)) then
            Guard.fail (nameof low) $"low is {low} and high is {high}; both must be finite and low less than high."

        let last = float (count - 1)
        let place = Expr.clamp 0.0 last ((fromAtoms - Expr.number low) * Expr.number (last / (high - low)))
        // The top atom has no neighbour above: the one below it then takes a share of 0.
        let lower = Expr.minimum (Expr.floor place) (Expr.number (last - 1.0))
        // NaN has no index; at the first atom it shows.
        let index = Expr.select (Expr.greaterOrEqual lower (Expr.number 0.0)) lower (Expr.number 0.0)
        let above = Expr.stopGradient (place - lower) * probabilities
        let add index share = Expr.scatterAdd -1 count (Expr.stopGradient index) share
        add index (probabilities - above) + add (index + Expr.number 1.0) above

    /// Σ zᵢ pᵢ over the last axis, from logits.
    let mean (atoms: Expr) (logits: Expr) : Expr = Expr.sumOver [| -1 |] (atoms * Expr.softmax -1 logits)

    /// The projected target distribution of r + γ Z′ on `atoms` [..., K], constant to derivatives; r, γ [...], Z′ with
    /// atoms z′ and logits [..., J].
    let categoricalTarget (atoms: Expr) (reward: Expr) (discount: Expr) (nextAtoms: Expr) (nextLogits: Expr) : Expr =
        let moved = column reward + column discount * nextAtoms
        Expr.stopGradient (project moved (Expr.softmax -1 nextLogits) atoms)

    /// Categorical TD: the cross-entropy of the target of r + γ Z(s′) and Z(s) (Bellemare et al. 2017).
    let categoricalTd atoms (logits: Expr) reward discount nextAtoms nextLogits : Expr =
        Losses.crossEntropy (categoricalTarget atoms reward discount nextAtoms nextLogits) logits

    /// The rows [..., K] of the given actions [...] of [..., A, K].
    let chosen (actions: Expr) (distributions: Expr) : Expr =
        if distributions.Rank < 2 || actions.Shape <> distributions.Shape[.. distributions.Rank - 3] then
            Guard.fail
                (nameof actions)
                ($"actions have shape {Shape.print actions.Shape}; the distributions "
                 + $"{Shape.print distributions.Shape} need one action each, of that shape without the last two axes.")

        let shape = Array.copy distributions.Shape
        shape[shape.Length - 2] <- 1
        let index = actions |> column |> column |> Expr.broadcastTo shape
        distributions |> Expr.gather -2 index |> Expr.squeeze -2

    /// Categorical Q-learning with a selector q [..., A]: Z(s, a) towards r + γ Z(s′, argmaxₐ selector); logits [...,
    /// A, K]. The selector of another network makes it double Q-learning.
    let categoricalDoubleQLearning
        atoms
        (logits: Expr)
        actions
        reward
        discount
        nextAtoms
        (nextLogits: Expr)
        (nextSelector: Expr)
        =
        let best = Expr.argMax -1 nextSelector
        categoricalTd atoms (chosen actions logits) reward discount nextAtoms (chosen best nextLogits)

    /// C51: the selector is the mean of the next distributions themselves (Bellemare et al. 2017, algorithm 1).
    let categoricalQLearning atoms logits actions reward discount nextAtoms nextLogits : Expr =
        categoricalDoubleQLearning atoms logits actions reward discount nextAtoms nextLogits (mean nextAtoms nextLogits)

    /// Quantile regression: Σᵢ meanⱼ |τᵢ − 1[uᵢⱼ < 0]| L(uᵢⱼ) with u = θ′ⱼ − θᵢ and L the Huber loss of δ, or |u| for δ
    /// = 0 (Dabney et al. 2018, equation 10, without its division by δ). θ, τ [..., K], θ′ [..., J]; δ ≥ 0.
    let quantileRegression (delta: float) (locations: Expr) (levels: Expr) (targets: Expr) : Expr =
        Guard.notNegativeNumber (nameof delta) delta
        let error = Expr.expandAxis -2 (Expr.stopGradient targets) - column locations
        let weight = Expr.abs (column levels - Expr.less error (Expr.number 0.0))
        let size = if delta > 0.0 then Losses.huber delta error else Expr.abs error
        Expr.sumOver [| -1 |] (Expr.meanOver [| -1 |] (Expr.stopGradient weight * size))

    /// The locations [..., K] of the given actions [...] of [..., K, A].
    let chosenLocations (actions: Expr) (locations: Expr) : Expr =
        let order = [| yield! [| 0 .. locations.Rank - 3 |]; locations.Rank - 1; locations.Rank - 2 |]
        chosen actions (Expr.permute order locations)

    /// Quantile Q-learning: θ(s, a) towards r + γ θ(s′, a*), a* the action of the largest mean of the selector;
    /// locations and selector [..., K, A], levels [..., K] (Dabney et al. 2018; implicit quantile networks draw the
    /// levels, Dabney et al. 2018b).
    let quantileQLearning
        delta
        (locations: Expr)
        levels
        actions
        (reward: Expr)
        (discount: Expr)
        (nextSelector: Expr)
        nextLocations
        =
        let best = Expr.argMax -1 (Expr.meanOver [| -2 |] nextSelector)
        let targets = column reward + column discount * chosenLocations best nextLocations
        quantileRegression delta (chosenLocations actions locations) levels targets

    /// Quantile expected Sarsa: the targets are r + γ θ(s′, a) of all actions, each weighted by π(a|s′) [..., A].
    let quantileExpectedSarsa
        delta
        (locations: Expr)
        levels
        actions
        (reward: Expr)
        (discount: Expr)
        (nextLocations: Expr)
        (nextProbabilities: Expr)
        =
        let prediction = chosenLocations actions locations
        let count = nextLocations.Shape[nextLocations.Rank - 1]

        [
            for action in 0 .. count - 1 do
                let part axis x = Expr.slice axis action (action + 1) x |> Expr.squeeze axis
                let targets = column reward + column discount * part -1 nextLocations
                Expr.stopGradient (part -1 nextProbabilities) * quantileRegression delta prediction levels targets
        ]
        |> List.reduce (+)

    /// The embedding cos(π i τ), i = 1 … n, of levels τ [..., K]: [..., K, n], the first layer of implicit quantile
    /// networks; the original counts i from 0, which wastes a constant (Dabney et al. 2018b, equation 4).
    let cosineEmbedding (count: int) (levels: Expr) : Expr = QuantileEmbedding.cosines count levels

    /// Mid-point levels (i + ½)/K, i = 0 … K − 1.
    let midpointLevels (count: int) : Expr = QuantileEmbedding.midpoints count

    /// Fₚ − F_q at the atoms but the last, and the gaps after them.
    let private differences (atoms: Expr) (p: Expr) (q: Expr) =
        let count = atoms.Shape[atoms.Rank - 1]
        let part start stop = Expr.slice -1 start stop atoms
        let upTo = Tensor.init [| count; count - 1 |] (fun i -> if i / (count - 1) <= i % (count - 1) then 1.0 else 0.0)
        let difference = p - q

        let flat = Expr.reshape [| -1; count |] difference
        let cumulated = Expr.matmul flat (Expr.constant upTo)
        let shape = Array.append difference.Shape[.. difference.Rank - 2] [| count - 1 |]
        struct (Expr.reshape shape cumulated, part 1 count - part 0 (count - 1))

    /// The squared Cramér distance ∫ (Fₚ − F_q)² dz [...] of probabilities [..., K] on the same atoms.
    let cramer (atoms: Expr) (p: Expr) (q: Expr) : Expr =
        let struct (difference, gaps) = differences atoms p q
        Expr.sumOver [| -1 |] (Expr.square difference * gaps)

    /// The Wasserstein-1 distance ∫ |Fₚ − F_q| dz [...] of probabilities [..., K] on the same atoms.
    let wasserstein (atoms: Expr) (p: Expr) (q: Expr) : Expr =
        let struct (difference, gaps) = differences atoms p q
        Expr.sumOver [| -1 |] (Expr.abs difference * gaps)

    /// The Wasserstein-p distance (mean |θᵢ − θ′ᵢ|ᵖ)^(1/p) [...] of sorted locations [..., K] at the same levels; p ∈
    /// [1, ∞). Its derivative where all are equal is taken as 0.
    let wassersteinOfQuantiles (power: float) (locations: Expr) (others: Expr) : Expr =
        Guard.inRange (nameof power) 1.0 Double.MaxValue power
        let moment = Expr.meanOver [| -1 |] (Expr.pow power (Expr.abs (locations - others)))

        if power = 1.0 then
            moment
        else
            let differs = Expr.greater moment (Expr.number 0.0)
            let safe = Expr.select differs moment (Expr.number 1.0)
            Expr.select differs (Expr.pow (1.0 / power) safe) (Expr.number 0.0)
