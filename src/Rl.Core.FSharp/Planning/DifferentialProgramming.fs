/// Iterative linear-quadratic regulation and differential dynamic programming, with bounds on the controls.
namespace Rl.Core.Planning

open System
open MathNet.Numerics.LinearAlgebra
open Rl.Core.Foundations

/// Options of iLQR and DDP.
type DifferentialOptions =
    {
        /// The most improvements of the controls.
        Iterations: int
        /// It ends when an improvement lowers the cost by less than this share.
        Tolerance: float
        /// What is added to the diagonal of ∂²Q/∂u² at first.
        Regularisation: float
        /// By what that is divided after an improvement; 1 keeps it.
        RegularisationDecay: float
        /// Whether second derivatives of the dynamics are used: differential dynamic programming, which converges
        /// quadratically; without them (iLQR) each iteration is cheaper.
        SecondOrder: bool
    }

/// Defaults.
[<RequireQualifiedAccess>]
module DifferentialOptions =

    /// iLQR of 100 iterations.
    let defaults =
        {
            Iterations = 100
            Tolerance = 1e-9
            Regularisation = 0.0
            RegularisationDecay = 2.0
            SecondOrder = false
        }

/// A trajectory with the feedback around it.
type DifferentialPlan =
    {
        /// [H + 1][n].
        States: float[][]
        /// [H][m].
        Controls: float[][]
        /// What it costs.
        Cost: float
        /// The change of the controls that the last iteration sought, k [H][m].
        Offsets: Vector<float>[]
        /// u = uₜ + K (x − xₜ) in a state beside the trajectory: K [H] of [m, n].
        Gains: Matrix<float>[]
        /// The improvements that were made.
        Iterations: int
        /// Whether the last improvement was smaller than the tolerance (or none was possible).
        IsConverged: bool
    }

/// What one iteration did: what tests look at.
type internal DifferentialIteration =
    {
        Regularisation: float
        /// Σ kᵀQᵤ, and Σ ½ kᵀQᵤᵤk.
        ExpectedLinear: float
        ExpectedQuadratic: float
        /// The sizes of steps that were tried, with what they would cost.
        Search: struct (float * float) list
        Plan: DifferentialPlan
    }

/// Around the present trajectory the dynamics are linear (for DDP quadratic) and the costs quadratic; the best change
/// of the controls follows by Riccati's recursion, within the bounds by a quadratic program a step, and a line search
/// takes as much of it as pays. Sources: Tassa, Erez and Todorov (2012), equations 5 to 8 and 12; Tassa, Mansard and
/// Todorov, "Control-limited differential dynamic programming" (2014).
[<RequireQualifiedAccess>]
module DifferentialProgramming =

    /// The states, the controls and the cost of what a rule (of a step and its state) decides on; after an end the
    /// state stays and costs nothing more.
    let private rollOut (model: IControlModel) (start: float[]) (horizon: int) (decide: int -> float[] -> float[]) =
        let states = Array.create (horizon + 1) start
        let controls = Array.zeroCreate<float[]> horizon
        let mutable cost, isOver = 0.0, false

        for t in 0 .. horizon - 1 do
            controls[t] <- decide t states[t]

            if isOver then
                states[t + 1] <- states[t]
            else
                let struct (next, paid, ended) = model.Step(t, states[t], controls[t])
                states[t + 1] <- next
                cost <- cost + paid
                isOver <- ended

        let struct (last, _, _) = model.End states[horizon]
        struct (states, controls, (if isOver then cost else cost + last))

    /// k and K at one step; none where the quadratic has no least value.
    let private control
        (model: IControlModel)
        regularisation
        (u: float[])
        (quu: Matrix<float>)
        (qu: Vector<float>)
        (qux: Matrix<float>)
        =
        let m = u.Length
        let hessian = quu + regularisation * Matrix<float>.Build.DenseIdentity m
        let room (bounds: float[]) = Vector<float>.Build.Dense(m, fun i -> bounds[i] - u[i])

        BoxQuadratic.minimise hessian qu (room model.Low) (room model.High) (Vector<float>.Build.Dense m)
        |> Option.map (fun best ->
            let free = [| 0 .. m - 1 |] |> Array.filter (fun i -> best.IsFree[i])
            let gain = Matrix<float>.Build.Dense(m, qux.ColumnCount)

            if free.Length > 0 then
                let inner = Matrix<float>.Build.Dense(free.Length, free.Length, fun i j -> hessian[free[i], free[j]])
                let cross = Matrix<float>.Build.Dense(free.Length, qux.ColumnCount, fun i j -> qux[free[i], j])
                let rows = -inner.Cholesky().Solve cross
                free |> Array.iteri (fun i index -> gain.SetRow(index, rows.Row i))

            struct (best.Point, gain))

    /// Offsets and gains of the trajectory that was linearised with what they promise; none where a step has no least
    /// value.
    let private backward
        (model: IControlModel)
        (options: DifferentialOptions)
        regularisation
        (states: float[][])
        (controls: float[][])
        =
        let n, m, horizon = model.StateSize, model.ControlSize, controls.Length
        let offsets, gains = Array.zeroCreate horizon, Array.zeroCreate horizon
        let struct (_, endSlope, endCurvature) = model.End states[horizon]
        let mutable slope, curvature = endSlope, endCurvature
        let mutable linear, quadratic = 0.0, 0.0
        let mutable isPossible = true
        let mutable t = horizon - 1

        while isPossible && t >= 0 do
            let at = model.Derivatives t
            let all = at.Slope + at.Dynamics.TransposeThisAndMultiply slope
            let second = at.Curvature + at.Dynamics.TransposeThisAndMultiply(curvature * at.Dynamics)

            let second = if options.SecondOrder then second + model.Bending(t, slope) else second

            let qx, qu = all.SubVector(0, n), all.SubVector(n, m)
            let qxx, quu = second.SubMatrix(0, n, 0, n), second.SubMatrix(n, m, n, m)
            let qux = second.SubMatrix(n, m, 0, n)

            match control model regularisation controls[t] quu qu qux with
            | None -> isPossible <- false
            | Some(struct (k, gain)) ->
                offsets[t] <- k
                gains[t] <- gain
                linear <- linear + k * qu
                quadratic <- quadratic + 0.5 * (k * (quu * k))
                slope <- qx + gain.TransposeThisAndMultiply(quu * k + qu) + qux.TransposeThisAndMultiply k
                let grown = qxx + gain.TransposeThisAndMultiply(quu * gain + qux) + qux.TransposeThisAndMultiply gain
                curvature <- 0.5 * (grown + grown.Transpose())
                t <- t - 1

        if isPossible then Some(struct (offsets, gains, linear, quadratic)) else None

    /// The trajectory of controls moved by `step` of their offsets and by the feedback.
    let private forward
        (model: IControlModel)
        (plan: DifferentialPlan)
        (offsets: Vector<float>[])
        (gains: Matrix<float>[])
        (step: float)
        =
        rollOut model plan.States[0] plan.Controls.Length (fun t state ->
            let beside = Vector<float>.Build.Dense(Array.map2 (-) state plan.States[t])
            let change = step * offsets[t] + gains[t] * beside
            plan.Controls[t] |> Array.mapi (fun i u -> max model.Low[i] (min model.High[i] (u + change[i]))))

    [<Literal>]
    let private LeastRegularisation = 1e-6

    [<Literal>]
    let private MostRegularisation = 1e10

    /// `optimise` with a look at each iteration.
    let internal optimiseWatched
        (watch: DifferentialIteration -> unit)
        (options: DifferentialOptions)
        (model: IControlModel)
        (start: float[])
        (controls: float[][])
        : DifferentialPlan =
        let clip (u: float[]) = u |> Array.mapi (fun i value -> max model.Low[i] (min model.High[i] value))
        let struct (states, controls, cost) = rollOut model start controls.Length (fun t _ -> clip controls[t])

        if not (Double.IsFinite cost) then
            Guard.fail
                (nameof controls)
                $"The first controls cost {cost}; begin with controls whose trajectory has a finite cost."

        let mutable plan =
            {
                States = states
                Controls = controls
                Cost = cost
                Offsets = Array.init controls.Length (fun _ -> Vector<float>.Build.Dense model.ControlSize)
                Gains =
                    Array.init controls.Length (fun _ -> Matrix<float>.Build.Dense(model.ControlSize, model.StateSize))
                Iterations = 0
                IsConverged = false
            }

        let mutable regularisation = options.Regularisation
        let mutable isLinearised = false

        while not plan.IsConverged && plan.Iterations < options.Iterations do
            let grow () =
                regularisation <- max LeastRegularisation (10.0 * regularisation)

                if regularisation > MostRegularisation then
                    plan <- { plan with IsConverged = true }

            if not isLinearised then
                model.Linearise(plan.States, plan.Controls)
                isLinearised <- true

            match backward model options regularisation plan.States plan.Controls with
            | None -> grow ()
            | Some(struct (offsets, gains, linear, quadratic)) ->
                if -linear <= options.Tolerance * 1e-3 * (1.0 + abs plan.Cost) then
                    plan <- { plan with Offsets = offsets; Gains = gains; IsConverged = true }
                else
                    let mutable searched = []
                    let mutable accepted = None
                    let mutable step = 1.0

                    while accepted.IsNone && step > 1e-8 do
                        let struct (states, controls, cost) = forward model plan offsets gains step
                        searched <- struct (step, cost) :: searched
                        let expected = -(step * linear + step * step * quadratic)

                        if (plan.Cost - cost) / expected > 1e-4 then
                            accepted <- Some(struct (states, controls, cost))
                        else
                            step <- 0.5 * step

                    match accepted with
                    | None -> grow ()
                    | Some(struct (states, controls, cost)) ->
                        let gained = plan.Cost - cost
                        isLinearised <- false

                        plan <-
                            {
                                States = states
                                Controls = controls
                                Cost = cost
                                Offsets = offsets
                                Gains = gains
                                Iterations = plan.Iterations + 1
                                IsConverged = gained <= options.Tolerance * (1.0 + abs cost)
                            }

                        watch
                            {
                                Regularisation = regularisation
                                ExpectedLinear = linear
                                ExpectedQuadratic = quadratic
                                Search = List.rev searched
                                Plan = plan
                            }

                        regularisation <- regularisation / options.RegularisationDecay
                        if regularisation < LeastRegularisation then regularisation <- 0.0

        plan

    /// The controls [H][m], improved from `controls`, for a first state [n]. `ArgumentException` for controls of
    /// another size, or whose trajectory costs infinitely much.
    let optimise
        (options: DifferentialOptions)
        (problem: ControlProblem)
        (start: float[])
        (controls: float[][])
        : DifferentialPlan =
        Guard.positive (nameof options.Iterations) options.Iterations
        Guard.notNegativeNumber (nameof options.Tolerance) options.Tolerance
        Guard.notNegativeNumber (nameof options.Regularisation) options.Regularisation
        Guard.inRange (nameof options.RegularisationDecay) 1.0 Double.MaxValue options.RegularisationDecay
        Guard.length (nameof start) problem.StateSize start.Length
        Guard.finiteElements (nameof start) start
        Guard.notEmpty (nameof controls) controls.Length

        for u in controls do
            Guard.length (nameof controls) problem.ControlSize u.Length
            Guard.finiteElements (nameof controls) u

        optimiseWatched ignore options (CompiledControl problem) start controls
