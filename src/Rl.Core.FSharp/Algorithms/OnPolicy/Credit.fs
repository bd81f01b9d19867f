/// What REINFORCE credits each action with, and the baselines that it may subtract: plain numbers of trajectories.
namespace Rl.Core.Algorithms

/// What an action is credited with.
[<RequireQualifiedAccess>]
type ReturnEstimate =
    /// The discounted return of its whole trajectory (slide 8).
    | FullReturn
    /// The discounted rewards from its own step on: what came before does not depend on it.
    | RewardToGo

/// What is subtracted from the credit to lower its variance (slide 14).
[<RequireQualifiedAccess>]
type ReturnBaseline =
    /// Nothing.
    | None
    /// The average over the trajectories: of full returns, or of the rewards-to-go at the same step.
    | Average
    /// A network's V(s), fitted to the returns.
    | Learned

[<RequireQualifiedAccess>]
module internal ReturnEstimate =
    let names = [ "fullReturn", ReturnEstimate.FullReturn; "rewardToGo", ReturnEstimate.RewardToGo ]

[<RequireQualifiedAccess>]
module internal ReturnBaseline =
    let names = [ "none", ReturnBaseline.None; "average", ReturnBaseline.Average; "learned", ReturnBaseline.Learned ]

/// The credit of each action: returns and advantages of trajectories as plain numbers.
[<RequireQualifiedAccess>]
module Credit =

    /// The estimate Ĝₜ of each step of one trajectory: Σₖ γᵏ rₖ over the whole of it, or Σ_{k ≥ t} γᵏ⁻ᵗ rₖ from t on,
    /// with γ^T · bootstrap after the last step.
    let returns (estimate: ReturnEstimate) (discount: float) (bootstrap: float) (rewards: float[]) : float[] =
        let result = Array.zeroCreate<float> rewards.Length
        let mutable following = bootstrap

        for t in rewards.Length - 1 .. -1 .. 0 do
            following <- rewards[t] + discount * following
            result[t] <- following

        match estimate with
        | ReturnEstimate.RewardToGo -> result
        | ReturnEstimate.FullReturn -> Array.create rewards.Length following

    /// The average baseline of each step of each trajectory: the mean of the estimates at the same step over the
    /// trajectories that reach it. For full returns at step 0 it is the lecture's b = (1/N) Σ r(τ) (slide 14).
    let averageBaseline (estimate: ReturnEstimate) (returns: float[][]) : float[][] =
        match estimate with
        | ReturnEstimate.FullReturn ->
            let mean = returns |> Array.averageBy (fun trajectory -> trajectory[0])
            returns |> Array.map (fun trajectory -> Array.create trajectory.Length mean)
        | ReturnEstimate.RewardToGo ->
            let longest = returns |> Array.map Array.length |> Array.max

            let means =
                Array.init longest (fun t ->
                    returns
                    |> Array.filter (fun trajectory -> t < trajectory.Length)
                    |> Array.averageBy (fun trajectory -> trajectory[t]))

            returns |> Array.map (fun trajectory -> Array.init trajectory.Length (fun t -> means[t]))
