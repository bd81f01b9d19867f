/// Linear systems with quadratic costs over a finite horizon, whose every stage may differ, solved exactly.
namespace Rl.Core.Tabular

open MathNet.Numerics.LinearAlgebra
open Rl.Core.Foundations

/// One stage: x′ = A x + B u + c at the cost ½ xᵀQx + ½ uᵀRu + uᵀSx + qᵀx + rᵀu.
type LinearQuadraticStage =
    {
        /// A [n, n].
        Dynamics: Matrix<float>
        /// B [n, m].
        Control: Matrix<float>
        /// c [n].
        Drift: Vector<float>
        /// Q [n, n].
        StateCost: Matrix<float>
        /// R [m, m].
        ControlCost: Matrix<float>
        /// S [m, n].
        CrossCost: Matrix<float>
        /// q [n].
        StateSlope: Vector<float>
        /// r [m].
        ControlSlope: Vector<float>
    }

/// What is best at one stage from every state: u = K x + k, after which ½ xᵀPx + pᵀx is still to be paid, but for a
/// constant.
type LinearQuadraticFeedback =
    {
        /// K [m, n].
        Gain: Matrix<float>
        /// k [m].
        Offset: Vector<float>
        /// P [n, n].
        CostToGo: Matrix<float>
        /// p [n].
        CostSlope: Vector<float>
    }

/// The states [H + 1], the controls [H], and what they cost.
type LinearQuadraticPath = { States: Vector<float>[]; Controls: Vector<float>[]; Cost: float }

/// The regulator by backward recursion. Source: Bertsekas, "Dynamic programming and optimal control", volume 1, section
/// 3.1; Tassa, Erez and Todorov, "Synthesis and stabilization of complex behaviors through online trajectory
/// optimization" (2012), section II.
[<RequireQualifiedAccess>]
module LinearQuadraticHorizon =

    let private backward (index: int) (stage: LinearQuadraticStage) (after: Matrix<float>) (slope: Vector<float>) =
        let a, b = stage.Dynamics, stage.Control
        let carried = after * stage.Drift + slope
        let stateCost = stage.StateCost + a.TransposeThisAndMultiply(after * a)
        let controlCost = stage.ControlCost + b.TransposeThisAndMultiply(after * b)
        let crossCost = stage.CrossCost + b.TransposeThisAndMultiply(after * a)
        let stateSlope = stage.StateSlope + a.TransposeThisAndMultiply carried
        let controlSlope = stage.ControlSlope + b.TransposeThisAndMultiply carried

        let factor =
            try
                controlCost.Cholesky()
            with :? System.ArgumentException ->
                Guard.fail
                    "stages"
                    ($"stages[{index}] has no best control: R + BᵀPB is not positive definite there, so that costs "
                     + "have no least; make R positive definite.")

        let gain = -factor.Solve crossCost
        let offset = -factor.Solve controlSlope
        let costToGo = stateCost + crossCost.TransposeThisAndMultiply gain

        {
            Gain = gain
            Offset = offset
            // Symmetric but for rounding, which must not grow.
            CostToGo = 0.5 * (costToGo + costToGo.Transpose())
            CostSlope = stateSlope + crossCost.TransposeThisAndMultiply offset
        }

    /// The best feedback at each stage, where the last state costs ½ xᵀ`finalCost`x + `finalSlope`ᵀx.
    /// `ArgumentException` names the stage whose R + BᵀPB is not positive definite.
    let solve
        (stages: LinearQuadraticStage[])
        (finalCost: Matrix<float>)
        (finalSlope: Vector<float>)
        : LinearQuadraticFeedback[] =
        Guard.notEmpty (nameof stages) stages.Length
        let feedback = Array.zeroCreate<LinearQuadraticFeedback> stages.Length
        let mutable after, slope = finalCost, finalSlope

        for index in stages.Length - 1 .. -1 .. 0 do
            feedback[index] <- backward index stages[index] after slope
            after <- feedback[index].CostToGo
            slope <- feedback[index].CostSlope

        feedback

    /// What follows from a first state by feedback.
    let follow
        (stages: LinearQuadraticStage[])
        (finalCost: Matrix<float>)
        (finalSlope: Vector<float>)
        (feedback: LinearQuadraticFeedback[])
        (start: Vector<float>)
        : LinearQuadraticPath =
        let states = Array.create (stages.Length + 1) start
        let controls = Array.create stages.Length start
        let mutable cost = 0.0

        for index in 0 .. stages.Length - 1 do
            let stage, x = stages[index], states[index]
            let u = feedback[index].Gain * x + feedback[index].Offset
            controls[index] <- u
            states[index + 1] <- stage.Dynamics * x + stage.Control * u + stage.Drift

            cost <-
                cost
                + 0.5 * (x * (stage.StateCost * x))
                + 0.5 * (u * (stage.ControlCost * u))
                + u * (stage.CrossCost * x)
                + stage.StateSlope * x
                + stage.ControlSlope * u

        let last = states[stages.Length]

        {
            States = states
            Controls = controls
            Cost = cost + 0.5 * (last * (finalCost * last)) + finalSlope * last
        }
