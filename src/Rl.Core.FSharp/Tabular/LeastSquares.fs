/// Linear values by solving for them: LSTD(λ), least-squares policy iteration, fitted Q-iteration.
namespace Rl.Core.Tabular

open MathNet.Numerics.LinearAlgebra
open MathNet.Numerics.LinearAlgebra.Double
open Rl.Core.Foundations

/// Weights of action values with the policy that is greedy in them.
type LinearPolicy =
    {
        /// w [d].
        Weights: float[]
        /// The first greedy action of each state, [S].
        Choices: int[]
        /// Whether the last iteration changed nothing.
        Converged: bool
        /// How many iterations were made.
        Iterations: int
    }

/// Batch methods over transitions; each counts `Transition.Weight` times, so that the outcomes of a known process can
/// stand for infinitely many samples. `regularisation` ε ≥ 0 is added to the diagonal of the matrix; it must be
/// positive where features are dependent or unseen.
[<RequireQualifiedAccess>]
module LeastSquares =

    let private solve (matrix: Matrix<float>) (right: Vector<float>) : float[] =
        let solution = matrix.Solve right

        if solution.Exists(fun value -> not (System.Double.IsFinite value)) then
            Guard.fail
                "regularisation"
                ("The matrix is singular: some features are dependent or were never seen. Use a positive "
                 + "regularisation, fewer features, or more data.")

        solution.ToArray()

    let private ridge size (regularisation: float) : Matrix<float> =
        Guard.notNegativeNumber (nameof regularisation) regularisation
        DenseMatrix.Create(size, size, fun row column -> if row = column then regularisation else 0.0)

    /// LSTD(λ): w solves A w = b with A = Σ z (φ − γ φ′)ᵀ, b = Σ z r and the eligibility z = φ + γ λ z of the episode
    /// so far. `episodes` are the transitions of each in order; at λ = 0 their order does not matter. Source: Bradtke
    /// and Barto (1996); Boyan (2002).
    let lstd (lambda: float) (regularisation: float) (features: LinearFeatures) (episodes: Transition[][]) : float[] =
        Guard.inRange (nameof lambda) 0.0 1.0 lambda
        Guard.notEmpty (nameof episodes) (Array.sumBy Array.length episodes)
        let matrix = ridge features.Size regularisation
        let right: Vector<float> = DenseVector.Create(features.Size, 0.0)

        for episode in episodes do
            let mutable trace: Vector<float> = DenseVector.Create(features.Size, 0.0)
            let mutable decay = 0.0

            for transition in episode do
                let here = DenseVector.OfArray(LinearFeatures.row features transition.State)
                let next = DenseVector.OfArray(LinearFeatures.row features transition.Next)
                trace <- decay * trace + here
                let difference = here - transition.Discount * next
                matrix.Add((transition.Weight * trace).OuterProduct difference, matrix)
                right.Add(transition.Weight * transition.Reward * trace, right)
                decay <- transition.Discount * lambda

        solve matrix right

    let private requirePairs (mdp: string) (features: LinearFeatures) (actions: int) =
        Guard.positive (nameof actions) actions

        if features.Count % actions <> 0 then
            Guard.fail
                mdp
                ($"features has {features.Count} rows; it must have one for each pair of a state and one of "
                 + $"{actions} actions.")

    let private greedy (features: LinearFeatures) actions (weights: float[]) =
        TabularPolicy.greedyActions actions (LinearFeatures.all features weights)

    /// LSTD-Q: the weights of Q_π for the deterministic policy `choices` [S], with features of pairs [S · A, d]
    /// (Lagoudakis and Parr 2003).
    let lstdQ
        (regularisation: float)
        (features: LinearFeatures)
        (actions: int)
        (choices: int[])
        (transitions: Transition[])
        : float[] =
        requirePairs (nameof features) features actions
        Guard.notEmpty (nameof transitions) transitions.Length

        // A pair is the state of a chain whose next state is the next pair of the policy.
        let ofPairs =
            transitions
            |> Array.map (fun transition ->
                { transition with
                    State = transition.State * actions + transition.Action
                    Next = transition.Next * actions + choices[transition.Next]
                })

        lstd 0.0 regularisation features [| ofPairs |]

    let private iterate maxIterations (features: LinearFeatures) actions (next: float[] -> int[] -> float[]) tolerance =
        Guard.positive (nameof maxIterations) maxIterations
        let mutable weights = Array.zeroCreate<float> features.Size
        let mutable converged = false
        let mutable iterations = 0

        while not converged && iterations < maxIterations do
            let renewed = next weights (greedy features actions weights)
            converged <- Bellman.distance renewed weights <= tolerance
            weights <- renewed
            iterations <- iterations + 1

        {
            Weights = weights
            Choices = greedy features actions weights
            Converged = converged
            Iterations = iterations
        }

    /// LSPI: LSTD-Q of the greedy policy, again and again, until the weights move by at most 10⁻⁹. Source: Lagoudakis
    /// and Parr, "Least-squares policy iteration" (2003).
    let lspi
        (regularisation: float)
        (maxIterations: int)
        (features: LinearFeatures)
        (actions: int)
        (transitions: Transition[])
        : LinearPolicy =
        let next _ choices = lstdQ regularisation features actions choices transitions
        iterate maxIterations features actions next 1e-9

    /// Fitted Q-iteration: w ← argmin Σ (w·φ(s, a) − r − γ max_b w_old·φ(s′, b))² + ε ‖w‖², until the weights move by
    /// at most `tolerance`. Source: Ernst, Geurts, Wehenkel, "Tree-based batch mode reinforcement learning" (2005),
    /// with linear regression.
    let fittedQ
        (regularisation: float)
        (tolerance: float)
        (maxIterations: int)
        (features: LinearFeatures)
        (actions: int)
        (transitions: Transition[])
        : LinearPolicy =
        requirePairs (nameof features) features actions
        Guard.notEmpty (nameof transitions) transitions.Length
        let gram = ridge features.Size regularisation

        let rows =
            transitions
            |> Array.map (fun transition ->
                let here: Vector<float> =
                    DenseVector.OfArray(LinearFeatures.row features (transition.State * actions + transition.Action))

                gram.Add((transition.Weight * here).OuterProduct here, gram)
                here)

        let next (weights: float[]) (choices: int[]) =
            let right: Vector<float> = DenseVector.Create(features.Size, 0.0)

            Array.iter2
                (fun (transition: Transition) (here: Vector<float>) ->
                    let following = transition.Next * actions + choices[transition.Next]

                    let target =
                        transition.Reward + transition.Discount * LinearFeatures.value features weights following

                    right.Add(transition.Weight * target * here, right))
                transitions
                rows

            solve gram right

        iterate maxIterations features actions next tolerance
