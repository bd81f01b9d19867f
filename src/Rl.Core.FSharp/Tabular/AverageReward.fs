/// Exact gain, bias and gradient of a policy in a continuing process: the average-reward form, which needs no discount.
namespace Rl.Core.Tabular

open MathNet.Numerics.LinearAlgebra
open MathNet.Numerics.LinearAlgebra.Double
open Rl.Core.Foundations

/// g = lim (1/T) E[Σ r] and h, what a start is worth beyond the gain. Chains may be periodic and may have several
/// recurrent classes. The discount of the process is not used; no outcome may terminate (see `Mdp.restarting`).
/// Source: Puterman, "Markov decision processes" (1994), chapter 8 and appendix A.
[<RequireQualifiedAccess>]
module AverageReward =

    let private chain (mdp: Mdp) (policy: TabularPolicy) =
        TabularPolicy.requireFor mdp policy

        if mdp.Table |> Array.exists (fun outcome -> outcome.Terminates && outcome.Probability > 0.0) then
            Guard.fail
                (nameof mdp)
                ("An outcome of the process terminates; the average-reward form needs a continuing process: use "
                 + "Mdp.restarting, which starts a new episode instead.")

        Chain.mix policy (Mdp.transitions mdp)

    /// Which states can be reached from which, in any number of steps.
    let private reachability (matrix: Matrix<float>) =
        let size = matrix.RowCount
        let reach = Array2D.init size size (fun i j -> i = j || matrix[i, j] > 0.0)

        for k in 0 .. size - 1 do
            for i in 0 .. size - 1 do
                if reach[i, k] then
                    for j in 0 .. size - 1 do
                        if reach[k, j] then reach[i, j] <- true

        reach

    /// The recurrent classes: sets of states that reach each other and nothing else.
    let private classes (matrix: Matrix<float>) : int[][] =
        let size = matrix.RowCount
        let reach = reachability matrix
        let all = [| 0 .. size - 1 |]

        all
        |> Array.filter (fun i -> all |> Array.forall (fun j -> not reach[i, j] || reach[j, i]))
        |> Array.groupBy (fun i -> all |> Array.find (fun j -> reach[i, j] && reach[j, i]))
        |> Array.map snd

    /// μ with μ = μ P and Σ μ = 1 over one recurrent class, by eliminating one state after the other without a
    /// subtraction: however rarely the class is left from a state, no digit is lost (Grassmann, Taksar and Heyman
    /// 1985).
    let private stationaryOf (matrix: Matrix<float>) (states: int[]) : float[] =
        let size = states.Length
        let chain = Array2D.init size size (fun i j -> matrix[states[i], states[j]])

        for last in size - 1 .. -1 .. 1 do
            let mutable leaving = 0.0

            for j in 0 .. last - 1 do
                leaving <- leaving + chain[last, j]

            for i in 0 .. last - 1 do
                chain[i, last] <- chain[i, last] / leaving

                for j in 0 .. last - 1 do
                    chain[i, j] <- chain[i, j] + chain[i, last] * chain[last, j]

        let shares = Array.zeroCreate<float> size
        shares[0] <- 1.0

        for state in 1 .. size - 1 do
            for i in 0 .. state - 1 do
                shares[state] <- shares[state] + shares[i] * chain[i, state]

        let total = Array.sum shares
        shares |> Array.map (fun share -> share / total)

    /// P* = lim (1/T) Σ Pᵗ: row s is the long-run share of time in each state after a start in s.
    let private limiting (matrix: Matrix<float>) : Matrix<float> =
        let size = matrix.RowCount
        let classes = classes matrix
        let limit: Matrix<float> = DenseMatrix.Create(size, size, 0.0)
        let recurrent = Array.concat classes |> Set.ofArray
        let transient = [| 0 .. size - 1 |] |> Array.filter (fun state -> not (recurrent.Contains state))

        let elsewhere state =
            Seq.init size id |> Seq.sumBy (fun next -> if next = state then 0.0 else matrix[state, next])

        // I − P among the transient states: what solves for the probability of ending in a class.
        let leaving: Matrix<float> option =
            if transient.Length = 0 then
                None
            else
                Some(
                    DenseMatrix.Create(
                        transient.Length,
                        transient.Length,
                        // 1 − P(i, i) as the sum of the others: nothing cancels where a state is hardly ever left.
                        fun i j -> if i = j then elsewhere transient[i] else -matrix[transient[i], transient[j]]
                    )
                )

        for states in classes do
            let stationary = stationaryOf matrix states
            let into state = states |> Array.sumBy (fun next -> matrix[state, next])

            let enter state probability =
                states |> Array.iteri (fun index next -> limit[state, next] <- probability * stationary[index])

            for state in states do
                enter state 1.0

            match leaving with
            | Some system ->
                let absorbed = system.Solve(DenseVector.Create(transient.Length, fun i -> into transient[i]))
                transient |> Array.iteri (fun index state -> enter state absorbed[index])
            | None -> ()

        limit

    /// The long-run share of time in each state from the start distribution, [S].
    let stationary (mdp: Mdp) (policy: TabularPolicy) : float[] =
        (limiting (chain mdp policy)).LeftMultiply(DenseVector.OfArray mdp.StartArray).ToArray()

    /// The gain g(s) = lim (1/T) E[Σ r | s₁ = s] [S]; the same everywhere if the chain has one recurrent class.
    let gains (mdp: Mdp) (policy: TabularPolicy) : float[] =
        let rewards = DenseVector.OfArray(Chain.rewards mdp policy)
        ((limiting (chain mdp policy)) * rewards).ToArray()

    /// The average reward per step from the start distribution: the objective.
    let objective (mdp: Mdp) (policy: TabularPolicy) : float =
        Array.fold2 (fun total p gain -> total + p * gain) 0.0 mdp.StartArray (gains mdp policy)

    /// The bias h(s) = lim E[Σ (r − g) | s₁ = s] [S] (in Cesàro's sense where the chain is periodic), the solution of g
    /// + h = r_π + P h with P* h = 0: h = (I − P + P*)⁻¹ (I − P*) r_π.
    let bias (mdp: Mdp) (policy: TabularPolicy) : float[] =
        let chain = chain mdp policy
        let limit = limiting chain
        let rewards = DenseVector.OfArray(Chain.rewards mdp policy)
        let identity: Matrix<float> = DenseMatrix.CreateIdentity mdp.States
        let system = identity - chain + limit
        system.Solve(rewards.Subtract(limit * rewards)).ToArray()

    /// Q(s, a) = r(s, a) − Σ P(s′|s, a) (g(s′) − h(s′)), [S, A]: the differential value of an action, which is r − g +
    /// Σ P h where the gain is the same everywhere.
    let actionValues (mdp: Mdp) (policy: TabularPolicy) : float[] =
        let gains, bias = gains mdp policy, bias mdp policy
        let kernel = Mdp.transitions mdp

        Array.init (mdp.States * mdp.Actions) (fun pair ->
            let mutable total = mdp.ExpectedReward(pair / mdp.Actions, pair % mdp.Actions)

            for next in 0 .. mdp.States - 1 do
                total <- total + kernel[pair * mdp.States + next] * (bias[next] - gains[next])

            total)

    /// ∂g/∂θ(s, a) = μ(s) π(a|s) (Q(s, a) − h(s)) of softmax parameters, for chains with one recurrent class (others
    /// are refused: their gain may jump). Source: Sutton et al. (2000), theorem 1.
    let softmaxGradient (mdp: Mdp) (policy: TabularPolicy) : float[] =
        let count = (classes (chain mdp policy)).Length

        if count > 1 then
            Guard.fail
                (nameof policy)
                ($"The chain under this policy has {count} recurrent classes; the gain has this gradient only "
                 + "where there is one.")

        let stationary, bias = stationary mdp policy, bias mdp policy

        actionValues mdp policy
        |> Array.mapi (fun pair value ->
            let state = pair / mdp.Actions
            stationary[state] * policy.Table[pair] * (value - bias[state]))
