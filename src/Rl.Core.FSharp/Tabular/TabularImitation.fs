/// Imitation on finite processes, exactly: cloned tables, DAgger's mixtures, and what errors cost over a horizon.
namespace Rl.Core.Tabular

open Rl.Core.Foundations

/// Cloning and DAgger where every occupancy is known (Ross and Bagnell 2010; Ross, Gordon and Bagnell 2011; slide 2).
[<RequireQualifiedAccess>]
module TabularImitation =

    let private requireAlike (expert: TabularPolicy) (policy: TabularPolicy) =
        Guard.length (nameof policy) expert.Table.Length policy.Table.Length

    /// The policy that maximises Σ n(s, a) ln π(a|s) of demonstrations with the weights n [S, A] ≥ 0: their shares, and
    /// every action alike in states that were never shown.
    let clone (states: int) (actions: int) (weights: float[]) : TabularPolicy =
        Guard.length (nameof weights) (states * actions) weights.Length

        weights
        |> Array.iter (fun weight ->
            if not (weight >= 0.0 && weight < infinity) then
                Guard.fail (nameof weights) $"weights holds {weight}; weights of demonstrations are finite and ≥ 0.")

        Array.init (states * actions) (fun pair ->
            let first = pair / actions * actions
            let total = Array.sum weights[first .. first + actions - 1]
            if total > 0.0 then weights[pair] / total else 1.0 / float actions)
        |> TabularPolicy.create states actions

    /// β π_E(a|s) + (1 − β) π(a|s): who acts is drawn anew in each step, the expert with the probability β ∈ [0, 1].
    let mixture (share: float) (expert: TabularPolicy) (policy: TabularPolicy) : TabularPolicy =
        Guard.inRange (nameof share) 0.0 1.0 share
        requireAlike expert policy

        Array.map2 (fun own other -> share * own + (1.0 - share) * other) expert.Table policy.Table
        |> TabularPolicy.create expert.States expert.Actions

    /// The chance that the policy's action is not the expert's, both drawn at a state, averaged over the T states that
    /// `visitor` meets: (1/T) Σₜ Σ_s P(sₜ = s) (1 − Σ_a π_E(a|s) π(a|s)). A process whose γ is not 1 is taken with γ =
    /// 1.
    let errorRate (mdp: Mdp) (horizon: int) (visitor: TabularPolicy) (expert: TabularPolicy) policy : float =
        requireAlike expert policy
        let evaluation = FiniteHorizon.evaluate (Mdp.withDiscount 1.0 mdp) horizon visitor

        let disagreement =
            Array.init mdp.States (fun state ->
                let mutable agree = 0.0

                for action in 0 .. mdp.Actions - 1 do
                    agree <- agree + expert[state, action] * policy[state, action]

                1.0 - agree)

        evaluation.Occupancy
        |> Array.averageBy (fun occupancy -> Array.fold2 (fun total d e -> total + d * e) 0.0 occupancy disagreement)

    /// DAgger with as much data as there can be: in each round the mixture of the expert and the learner acts for T
    /// steps, the expert labels the states that it meets, and the learner is made anew from all of them. `learn` makes
    /// a learner of the summed occupancies [S] of all rounds so far; `share` gives β of a round. The learner after each
    /// round, and the mixture that acted in it.
    let dagger
        (mdp: Mdp)
        (horizon: int)
        (rounds: int)
        (share: int -> float)
        (expert: TabularPolicy)
        (first: TabularPolicy)
        (learn: float[] -> TabularPolicy)
        : (TabularPolicy * TabularPolicy)[] =
        Guard.positive (nameof rounds) rounds
        let mdp = Mdp.withDiscount 1.0 mdp

        let next (struct (seen: float[], learner, round)) =
            if round = rounds then
                None
            else
                let acting = mixture (share round) expert learner
                let met = (FiniteHorizon.evaluate mdp horizon acting).Occupancy
                let seen = Array.fold (Array.map2 (+)) seen met
                let learner = learn seen
                Some((learner, acting), struct (seen, learner, round + 1))

        Array.unfold next (struct (Array.zeroCreate<float> mdp.States, first, 0))
