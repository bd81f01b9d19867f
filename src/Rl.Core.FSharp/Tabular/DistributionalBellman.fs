/// The distributional Bellman operator of finite processes, exact: laws of returns that take finitely many values.
namespace Rl.Core.Tabular

open System
open Rl.Core.Foundations

/// The law of a return Z that takes K values. Made by the functions of `module ReturnDistribution`, which validate.
[<Sealed>]
type ReturnDistribution internal (atoms: float[], probabilities: float[]) =
    /// The values z [K], increasing.
    member _.Atoms = ReadOnlyMemory atoms
    /// P(Z = z) > 0 [K].
    member _.Probabilities = ReadOnlyMemory probabilities
    member internal _.Places = atoms
    member internal _.Masses = probabilities

/// Quantities of laws of returns.
[<RequireQualifiedAccess>]
module ReturnDistribution =

    /// Joins equal atoms, which are given in any order, and drops those of probability 0.
    let private join (atoms: float[]) (probabilities: float[]) =
        let order = Array.init atoms.Length id |> Array.filter (fun index -> probabilities[index] > 0.0)
        Array.sortInPlaceBy (fun index -> atoms[index]) order
        let places, masses = Array.zeroCreate order.Length, Array.zeroCreate order.Length
        let mutable count = 0

        for index in order do
            if count > 0 && places[count - 1] = atoms[index] then
                masses[count - 1] <- masses[count - 1] + probabilities[index]
            else
                places[count] <- atoms[index]
                masses[count] <- probabilities[index]
                count <- count + 1

        ReturnDistribution(Array.truncate count places, Array.truncate count masses)

    /// From atoms in any order, equal ones included, and their probabilities, which sum to 1.
    let create (atoms: float[]) (probabilities: float[]) : ReturnDistribution =
        Guard.length (nameof probabilities) atoms.Length probabilities.Length
        Guard.finiteElements (nameof atoms) atoms
        Guard.probabilities (nameof probabilities) (nameof probabilities) probabilities
        join atoms probabilities

    /// All probability on one return.
    let certain (value: float) : ReturnDistribution = create [| value |] [| 1.0 |]

    /// Σ wᵢ of the law of rᵢ + γᵢ Zᵢ, for weights that sum to 1.
    let internal mix (parts: seq<struct (float * float * float * ReturnDistribution)>) : ReturnDistribution =
        let atoms, probabilities = ResizeArray<float>(), ResizeArray<float>()

        for struct (weight, reward, discount, distribution) in parts do
            for index in 0 .. distribution.Places.Length - 1 do
                atoms.Add(reward + discount * distribution.Places[index])
                probabilities.Add(weight * distribution.Masses[index])

        join (atoms.ToArray()) (probabilities.ToArray())

    /// E[Z] = Σ p z.
    let mean (distribution: ReturnDistribution) : float =
        Array.fold2 (fun total atom mass -> total + atom * mass) 0.0 distribution.Places distribution.Masses

    /// W_p(p, q) = (∫₀¹ |F_p⁻¹(u) − F_q⁻¹(u)|ᵖ du)^(1/p), p = `power` ≥ 1 and finite: the least cost of carrying one
    /// law to the other, which on a line keeps the order (Villani 2003, theorem 2.18).
    let wasserstein (power: float) (p: ReturnDistribution) (q: ReturnDistribution) : float =
        Guard.inRange (nameof power) 1.0 Double.MaxValue power
        let mutable i, j = 0, 0
        let mutable restOfP, restOfQ = p.Masses[0], q.Masses[0]
        let mutable total = 0.0

        while i < p.Masses.Length && j < q.Masses.Length do
            let moved = min restOfP restOfQ
            total <- total + moved * Math.Pow(abs (p.Places[i] - q.Places[j]), power)
            restOfP <- restOfP - moved
            restOfQ <- restOfQ - moved

            if restOfP <= 0.0 then
                i <- i + 1
                restOfP <- if i < p.Masses.Length then p.Masses[i] else 0.0

            if restOfQ <= 0.0 then
                j <- j + 1
                restOfQ <- if j < q.Masses.Length then q.Masses[j] else 0.0

        Math.Pow(total, 1.0 / power)

    /// The Cramér projection onto increasing `atoms` [K], K ≥ 2: each probability is shared between the two neighbours
    /// of its place in proportion to nearness, and what lies outside goes to the end. Keeps the mean of what lies
    /// inside (Rowland et al. 2018, section 3).
    let project (atoms: float[]) (distribution: ReturnDistribution) : ReturnDistribution =
        Guard.inIntRange "atoms.Length" 2 Int32.MaxValue atoms.Length
        Guard.finiteElements (nameof atoms) atoms

        for index in 1 .. atoms.Length - 1 do
            if not (atoms[index - 1] < atoms[index]) then
                Guard.fail
                    (nameof atoms)
                    $"atoms[{index}] is {atoms[index]} after {atoms[index - 1]}; atoms must increase."

        let masses = Array.zeroCreate<float> atoms.Length
        let mutable above = 1

        for index in 0 .. distribution.Places.Length - 1 do
            let place = Math.Clamp(distribution.Places[index], atoms[0], atoms[atoms.Length - 1])

            while atoms[above] < place do
                above <- above + 1

            let share = (place - atoms[above - 1]) / (atoms[above] - atoms[above - 1])
            masses[above - 1] <- masses[above - 1] + (1.0 - share) * distribution.Masses[index]
            masses[above] <- masses[above] + share * distribution.Masses[index]

        join atoms masses

/// Operators on laws of returns, one a state [S]. Source: Bellemare, Dabney and Munos, "A distributional perspective on
/// reinforcement learning" (2017), section 3.
[<RequireQualifiedAccess>]
module DistributionalBellman =

    /// (T_π η)(s) = Σ π(a|s) P(outcome|s, a) · the law of r + γ Z(s′), Z(s′) = 0 where the episode ends: a
    /// γ-contraction in the largest W_p over states, for every p ≥ 1 (lemma 3). The number of atoms grows with the
    /// outcomes; `ReturnDistribution.project` bounds it.
    let evaluation (mdp: Mdp) (policy: TabularPolicy) (distributions: ReturnDistribution[]) : ReturnDistribution[] =
        TabularPolicy.requireFor mdp policy
        Guard.length (nameof distributions) mdp.States distributions.Length

        Array.init mdp.States (fun state ->
            ReturnDistribution.mix
                [|
                    for action in 0 .. mdp.Actions - 1 do
                        for transition in Transition.expected mdp state action ->
                            struct (policy[state, action] * transition.Weight,
                                    transition.Reward,
                                    transition.Discount,
                                    distributions[transition.Next])
                |])

    /// The largest W_p over the states, between laws of as many.
    let distance (power: float) (first: ReturnDistribution[]) (second: ReturnDistribution[]) : float =
        Guard.notEmpty (nameof first) first.Length
        Guard.length (nameof second) first.Length second.Length
        Array.fold2 (fun most p q -> max most (ReturnDistribution.wasserstein power p q)) 0.0 first second
