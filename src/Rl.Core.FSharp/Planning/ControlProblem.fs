/// Control problems given as expressions, so that the engine finds their derivatives.
namespace Rl.Core.Planning

open System
open MathNet.Numerics.LinearAlgebra
open Rl.Core.Autodiff
open Rl.Core.Foundations

/// x′ = f(x, u) at the cost l(x, u) a step and l_f(x) at the end; x [n] and u [m] are vectors, costs are scalars.
type ControlProblem =
    {
        /// n.
        StateSize: int
        /// m.
        ControlSize: int
        /// f: state and control to the next state [n].
        Dynamics: Expr -> Expr -> Expr
        /// l: state and control to a scalar.
        Cost: Expr -> Expr -> Expr
        /// l_f: the last state to a scalar.
        FinalCost: Expr -> Expr
        /// The least and the greatest controls [m]; infinite where there is no bound.
        Low: float[]
        High: float[]
    }

/// Derivatives at one step. z = (x, u).
type internal StepDerivatives =
    {
        /// ∂f/∂z [n, n + m].
        Dynamics: Matrix<float>
        /// ∂l/∂z [n + m].
        Slope: Vector<float>
        /// ∂²l/∂z² [n + m, n + m].
        Curvature: Matrix<float>
    }

/// What trajectories are improved in: a problem of expressions, or an environment. Not thread-safe.
type internal IControlModel =
    /// n.
    abstract StateSize: int
    /// m.
    abstract ControlSize: int
    /// The least and the greatest controls [m].
    abstract Low: float[]
    abstract High: float[]
    /// The next state, what step t costs, and whether nothing follows it.
    abstract Step: t: int * x: float[] * u: float[] -> struct (float[] * float * bool)
    /// Cost, slope [n] and curvature [n, n] of the last state.
    abstract End: x: float[] -> struct (float * Vector<float> * Matrix<float>)
    /// Finds the derivatives along states [H + 1] and controls [H], which `Derivatives` and `Bending` are of from now
    /// on.
    abstract Linearise: states: float[][] * controls: float[][] -> unit
    /// Those of step t.
    abstract Derivatives: t: int -> StepDerivatives
    /// Σ vᵢ ∂²fᵢ/∂z² [n + m, n + m] of step t.
    abstract Bending: t: int * v: Vector<float> -> Matrix<float>

/// A problem as compiled programs at float64. Not thread-safe.
[<Sealed>]
type internal CompiledControl(problem: ControlProblem) =
    let n, m = problem.StateSize, problem.ControlSize

    do
        Guard.positive (nameof problem.StateSize) n
        Guard.positive (nameof problem.ControlSize) m
        Guard.length (nameof problem.Low) m problem.Low.Length
        Guard.length (nameof problem.High) m problem.High.Length

        for index in 0 .. m - 1 do
            if not (problem.Low[index] <= problem.High[index]) then
                Guard.fail
                    (nameof problem.Low)
                    $"Low[{index}] is {problem.Low[index]}; it must be at most High[{index}], {problem.High[index]}."

    let joint = Expr.input "z" [| n + m |]
    let costate = Expr.input "v" [| n |]
    let final = Expr.input "x" [| n |]
    let split (z: Expr) = struct (Expr.slice 0 0 n z, Expr.slice 0 n (n + m) z)

    let dynamics (z: Expr) =
        let struct (x, u) = split z
        let next = problem.Dynamics x u

        if next.Shape <> [| n |] then
            Guard.fail "Dynamics" $"Dynamics has the shape {next.Shape}; it must be that of the state, [{n}]."

        next

    let scalar name (cost: Expr) =
        if Shape.count cost.Shape <> 1 then
            Guard.fail name $"{name} has the shape {cost.Shape}; it must be a scalar."

        Expr.reshape [||] cost

    let cost (z: Expr) =
        let struct (x, u) = split z
        scalar "Cost" (problem.Cost x u)

    let finalCost x = scalar "FinalCost" (problem.FinalCost x)

    let step = Program.ofOutputs<float> [ "next", dynamics joint; "cost", cost joint ]

    let derivatives =
        Program.ofOutputs<float>
            [
                "dynamics", Diff.jacobian dynamics joint
                "slope", Diff.grad cost joint
                "curvature", Diff.hessian cost joint
            ]

    // Second derivatives of the dynamics, of which DDP needs their product with a costate.
    let bending =
        lazy (Program.ofOutputs<float> [ "bending", Diff.hessian (fun z -> Expr.dot costate (dynamics z)) joint ])

    let ending =
        Program.ofOutputs<float>
            [ "cost", finalCost final; "slope", Diff.grad finalCost final; "curvature", Diff.hessian finalCost final ]

    let set (program: Program<float>) name (values: ReadOnlySpan<float>) =
        if program.HasInput name then program.Set(name, values)

    let setJoint (program: Program<float>) (x: float[]) (u: float[]) = set program "z" (ReadOnlySpan(Array.append x u))

    let mutable path = [||], [||]
    let mutable found: StepDerivatives[] = [||]

    /// The next state, and what the step costs.
    member _.Step(x: float[], u: float[]) : struct (float[] * float) =
        setJoint step x u
        step.Run()
        struct ((step.Output "next").ToArray(), (step.Output "cost")[0])

    member _.Derivatives(x: float[], u: float[]) : StepDerivatives =
        setJoint derivatives x u
        derivatives.Run()

        {
            Dynamics = Matrix<float>.Build.DenseOfRowMajor(n, n + m, (derivatives.Output "dynamics").ToArray())
            Slope = Vector<float>.Build.Dense((derivatives.Output "slope").ToArray())
            Curvature = Matrix<float>.Build.DenseOfRowMajor(n + m, n + m, (derivatives.Output "curvature").ToArray())
        }

    /// Σ vᵢ ∂²fᵢ/∂z² [n + m, n + m].
    member _.Bending(x: float[], u: float[], v: float[]) : Matrix<float> =
        let program = bending.Value
        setJoint program x u
        set program "v" (ReadOnlySpan v)
        program.Run()
        Matrix<float>.Build.DenseOfRowMajor(n + m, n + m, (program.Output "bending").ToArray())

    /// Cost, slope [n] and curvature [n, n] of the last state.
    member _.End(x: float[]) : struct (float * Vector<float> * Matrix<float>) =
        set ending "x" (ReadOnlySpan x)
        ending.Run()

        struct ((ending.Output "cost")[0],
                Vector<float>.Build.Dense((ending.Output "slope").ToArray()),
                Matrix<float>.Build.DenseOfRowMajor(n, n, (ending.Output "curvature").ToArray()))

    interface IControlModel with
        member _.StateSize = n
        member _.ControlSize = m
        member _.Low = problem.Low
        member _.High = problem.High

        member this.Step(_, x, u) =
            let struct (next, cost) = this.Step(x, u)
            struct (next, cost, false)

        member this.End(x) = this.End x

        member this.Linearise(states, controls) =
            path <- states, controls
            found <- controls |> Array.mapi (fun t u -> this.Derivatives(states[t], u))

        member _.Derivatives(t) = found[t]
        member this.Bending(t, v) = this.Bending((fst path)[t], (snd path)[t], v.ToArray())
